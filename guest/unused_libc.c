// Parts of the C library that libuv names and the agent never reaches: name service and dynamic loading. In a
// static program they would load modules that are not there, and they are a third of its size.
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stddef.h>

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict result) {
    (void)node, (void)service, (void)hints;
    *result = NULL;
    return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *list) {
    (void)list;
}

int getnameinfo(const struct sockaddr *restrict address, socklen_t length, char *restrict host,
                socklen_t host_size, char *restrict service, socklen_t service_size, int flags) {
    (void)address, (void)length, (void)host, (void)host_size, (void)service, (void)service_size, (void)flags;
    return EAI_FAIL;
}

int getpwuid_r(uid_t uid, struct passwd *restrict entry, char *restrict space, size_t size,
               struct passwd **restrict result) {
    (void)uid, (void)entry, (void)space, (void)size;
    *result = NULL;
    return ENOENT;
}

void *dlopen(const char *file, int mode) {
    (void)file, (void)mode;
    return NULL;
}

void *dlsym(void *restrict handle, const char *restrict name) {
    (void)handle, (void)name;
    return NULL;
}

int dlclose(void *handle) {
    (void)handle;
    return -1;
}

char *dlerror(void) {
    return NULL;
}
