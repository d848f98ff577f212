/* Preloaded before libc: sees every write to the files below one directory.
 *
 * Counts those on one file in memory that a family of processes shares, kills at the n-th (before it,
 * after half of it, or after it), and can write down all of them, in order, for `disk.py`. What goes to the
 * pipe `told` is written down too, so that the order of "stored" and "shown" is known.
 *
 * Without a call of `shim_begin`, or the variable SHIM_STATE in a process that was started anew,
 * it does nothing but pass on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, SYNC, TRUNCATE, CREATE, UNLINK, RENAME, TOLD };
enum { BEFORE = 0, TORN = 1, AFTER = 2 };
enum { SELF = 0, BOTH = 1, OTHER = 2 }; /* who dies: whoever is at it, the victim too, only that */

struct state {
    int64_t count; /* operations on `file` so far, of all processes */
    int64_t at;    /* the one to die at; 0: none */
    int64_t how;   /* BEFORE, TORN, AFTER */
    int64_t who;   /* SELF, BOTH, OTHER */
    int64_t step;  /* what the process is at, as points.py says */
    int64_t group; /* the process group of the victim; its helpers may have others */
    char file[64]; /* last part of its name */
};

struct entry { /* of the log; the name and the data follow */
    int64_t kind, step, offset, name, data;
};

static struct state *state;
static char directory[4096];
static size_t length;
static int log_fd = -1, told_fd = -1;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int), (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_unlink)(const char *), (*real_rename)(const char *, const char *);
static int (*real_open)(const char *, int, ...);

static void find(void) {
    if (real_open) return;
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_open = dlsym(RTLD_NEXT, "open64");
}

/* `shared`: a file with the state; `below`: the directory; `log`: a file or ""; `told`: a pipe. */
int shim_begin(const char *shared, const char *below, const char *log, int told) {
    find();
    int fd = real_open(shared, O_RDWR | O_CLOEXEC);
    if (fd < 0) return -1;
    void *at = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED) return -1;
    snprintf(directory, sizeof directory, "%s", below);
    length = strlen(directory);
    if (*log) log_fd = real_open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    told_fd = told;
    state = at;
    if (told >= 0) state->group = getpgrp();
    return 0;
}

void shim_step(int step) {
    if (state) state->step = step;
}

__attribute__((constructor)) static void started(void) {
    const char *shared = getenv("SHIM_STATE"), *log = getenv("SHIM_LOG");
    if (shared) shim_begin(shared, getenv("SHIM_BELOW"), log ? log : "", -1);
}

static int below(const char *path) {
    return !strncmp(path, directory, length) && (path[length] == '/' || !path[length]);
}

/* The name of a watched file, or NULL. */
static const char *named(int fd, char *path, size_t size) {
    if (!state) return NULL;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, path, size - 1);
    if (got <= 0) return NULL;
    path[got] = 0;
    return below(path) ? path : NULL;
}

static void note(int kind, const char *name, int64_t offset, const void *data, size_t size) {
    if (log_fd < 0) return;
    struct entry head = {kind, state->step, offset, strlen(name), size};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, head.name}, {(void *)data, size}};
    if (syscall(SYS_writev, log_fd, parts, 3) < 0) abort();
}

static void die(void) {
    if (state->who != SELF) kill(-(pid_t)state->group, SIGKILL);
    if (state->who == OTHER && getpgrp() != state->group) return;
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Count one; says how to die at it, or -1. */
static int due(const char *name) {
    const char *last = strrchr(name, '/');
    if (!last || strcmp(last + 1, state->file)) return -1;
    int64_t number = __sync_add_and_fetch(&state->count, 1);
    if (number != state->at) return -1;
    if (state->how != BEFORE) return (int)state->how;
    die();
    return -1;
}

static ssize_t written(int fd, const void *data, size_t size, off_t offset, const char *name) {
    int how = due(name);
    size_t part = how == TORN && state->who != OTHER ? size / 2 : size;
    note(WRITE, name, offset, data, part);
    ssize_t done = real_pwrite(fd, data, part, offset);
    if (how >= 0) die();
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) {
    char path[4096];
    find();
    const char *name = named(fd, path, sizeof path);
    if (!name) return real_pwrite(fd, data, size, offset);
    return written(fd, data, size, offset, name);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return pwrite64(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
    char path[4096];
    find();
    if (state && fd == told_fd) note(TOLD, "", 0, data, size);
    const char *name = named(fd, path, sizeof path);
    if (!name) return real_write(fd, data, size);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = written(fd, data, size, offset, name);
    if (done > 0) lseek(fd, offset + done, SEEK_SET);
    return done;
}

static int synced(int fd, int (*sync)(int)) {
    char path[4096];
    const char *name = named(fd, path, sizeof path);
    if (!name) return sync(fd);
    int how = due(name);
    if (how == TORN) die();
    int done = sync(fd);
    if (!done) note(SYNC, name, 0, "", 0);
    if (how >= 0) die();
    return done;
}

int fsync(int fd) {
    find();
    return synced(fd, real_fsync);
}

int fdatasync(int fd) {
    find();
    return synced(fd, real_fdatasync);
}

int ftruncate64(int fd, off_t size) {
    char path[4096];
    find();
    const char *name = named(fd, path, sizeof path);
    if (!name) return real_ftruncate(fd, size);
    int how = due(name);
    note(TRUNCATE, name, size, "", 0);
    int done = real_ftruncate(fd, size);
    if (how >= 0) die();
    return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int unlink(const char *path) {
    find();
    if (!state || !below(path)) return real_unlink(path);
    int how = due(path);
    note(UNLINK, path, 0, "", 0);
    int done = real_unlink(path);
    if (how >= 0) die();
    return done;
}

int rename(const char *from, const char *to) {
    find();
    if (!state || !below(from)) return real_rename(from, to);
    int how = due(from);
    note(RENAME, from, 0, to, strlen(to));
    int done = real_rename(from, to);
    if (how >= 0) die();
    return done;
}

int open64(const char *path, int flags, ...) {
    find();
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    int new = state && (flags & O_CREAT) && below(path) && access(path, F_OK);
    if (!new) return real_open(path, flags, mode);
    int how = due(path);
    note(CREATE, path, 0, "", 0);
    int done = real_open(path, flags, mode);
    if (how >= 0) die();
    return done;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open64(path, flags, mode);
}
