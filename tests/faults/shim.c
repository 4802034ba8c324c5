/* Makes one call of the C library fail, for the tests of the media side. Loaded by LD_PRELOAD.

   FAULT_UNDER   the directory below which calls count
   FAULT_CALL    open, write, fsync, fsyncdir, rename, link, flock, fchmod or unlink
   FAULT_NTH     which of those calls fails, from 1
   FAULT_ERRNO   with what; 0: the process is killed there
   FAULT_LASTING 1: all after it fail as well
   FAULT_LOG     where the name of each call that counts is written
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static atomic_int seen;

static int under(const char *path) {
    const char *root = getenv("FAULT_UNDER");
    return root && path && !strncmp(path, root, strlen(root));
}

static int under_fd(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return under(path);
}

static int under_at(int at, const char *path) {
    return under(path) || (at != AT_FDCWD && *path != '/' && under_fd(at));
}

static int is_directory(int fd) {
    struct stat facts;
    return !fstat(fd, &facts) && S_ISDIR(facts.st_mode);
}

/* Whether this call, which counts, has to fail; errno is set then. */
static int fails(const char *call) {
    const char *log = getenv("FAULT_LOG"), *wanted = getenv("FAULT_CALL");
    if (log) {
        char line[32];
        int size = snprintf(line, sizeof line, "%s\n", call);
        int fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd >= 0) {
            if (syscall(SYS_write, fd, line, size) < 0) abort();
            syscall(SYS_close, fd);
        }
    }
    if (!wanted || strcmp(wanted, call)) return 0;
    int nth = atoi(getenv("FAULT_NTH")), now = atomic_fetch_add(&seen, 1) + 1;
    const char *lasting = getenv("FAULT_LASTING");
    if (now != nth && !(lasting && *lasting == '1' && now > nth)) return 0;
    int error = atoi(getenv("FAULT_ERRNO"));
    if (!error) kill(getpid(), SIGKILL);
    errno = error;
    return 1;
}

static mode_t mode_of(int flags, va_list more) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        REAL(int, #name, const char *, int, ...);                                                                      \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = mode_of(flags, more);                                                                            \
        va_end(more);                                                                                                  \
        return under(path) && fails("open") ? -1 : real(path, flags, mode);                                            \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int at, const char *path, int flags, ...) {                                                               \
        REAL(int, #name, int, const char *, int, ...);                                                                 \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = mode_of(flags, more);                                                                            \
        va_end(more);                                                                                                  \
        return under_at(at, path) && fails("open")                                                                         \
                   ? -1                                                                                                \
                   : real(at, path, flags, mode);                                                                      \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return under_fd(fd) && fails("write") ? -1 : real(fd, data, size);
}

#define PWRITE(name, offset_type)                                                                                      \
    ssize_t name(int fd, const void *data, size_t size, offset_type at) {                                              \
        REAL(ssize_t, #name, int, const void *, size_t, offset_type);                                                  \
        return under_fd(fd) && fails("write") ? -1 : real(fd, data, size, at);                                         \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define SYNC(name)                                                                                                     \
    int name(int fd) {                                                                                                 \
        REAL(int, #name, int);                                                                                         \
        return under_fd(fd) && fails(is_directory(fd) ? "fsyncdir" : "fsync") ? -1 : real(fd);                         \
    }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char *old, const char *new) {
    REAL(int, "rename", const char *, const char *);
    return under(new) && fails("rename") ? -1 : real(old, new);
}

int renameat(int old_at, const char *old, int new_at, const char *new) {
    REAL(int, "renameat", int, const char *, int, const char *);
    return under_at(new_at, new) && fails("rename") ? -1 : real(old_at, old, new_at, new);
}

int renameat2(int old_at, const char *old, int new_at, const char *new, unsigned flags) {
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    return under_at(new_at, new) && fails("rename") ? -1 : real(old_at, old, new_at, new, flags);
}

int link(const char *old, const char *new) {
    REAL(int, "link", const char *, const char *);
    return under(new) && fails("link") ? -1 : real(old, new);
}

int linkat(int old_at, const char *old, int new_at, const char *new, int flags) {
    REAL(int, "linkat", int, const char *, int, const char *, int);
    return under_at(new_at, new) && fails("link") ? -1 : real(old_at, old, new_at, new, flags);
}

int flock(int fd, int operation) {
    REAL(int, "flock", int, int);
    return under_fd(fd) && fails("flock") ? -1 : real(fd, operation);
}

int fchmod(int fd, mode_t mode) {
    REAL(int, "fchmod", int, mode_t);
    return under_fd(fd) && fails("fchmod") ? -1 : real(fd, mode);
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    return under(path) && fails("unlink") ? -1 : real(path);
}

int unlinkat(int at, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    return under_at(at, path) && fails("unlink") ? -1 : real(at, path, flags);
}
