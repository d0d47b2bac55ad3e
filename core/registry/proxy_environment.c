#include "core/registry/proxy_environment.h"

#include <stdlib.h>

#include "core/base/path.h"

#define ALWAYS_DIRECT "localhost,127.0.0.0/8,::1"

void proxy_environment_prepare(void) {
    const char *proxy = getenv("HTTP_PROXY");
    if (proxy && *proxy)
        setenv("http_proxy", proxy, 0);
    const char *direct = getenv("no_proxy") ? getenv("no_proxy") : getenv("NO_PROXY");
    cleanup_free char *all =
        path_format("%s%s%s", direct ? direct : "", direct && *direct ? "," : "", ALWAYS_DIRECT);
    setenv("no_proxy", all, 1);
}
