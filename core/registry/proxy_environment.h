// The proxies that the environment names, as curl wants them said.
#pragma once

/// HTTP_PROXY counts like http_proxy (curl reads the small one only, for the sake of CGI programs), and what
/// is on this machine is never asked for through a proxy. Before there are threads.
void proxy_environment_prepare(void);
