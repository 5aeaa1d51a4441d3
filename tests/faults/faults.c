/* Makes one call to the file system fail, as a bad disk would: preloaded into a night (tests/faults/runs.py).

   Calls of each kind below one folder are counted, over all processes that were forked since `faults_arm`; from call
   number `at` of the chosen kind on, `times` calls fail with `error`. The error -1 is a short write: half is written
   and told, which is no failure, but must be noticed by the caller; -2 ends the process and its group there and then. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, LINK = 16, UNLINK = 32, MKDIR = 64, SIZE = 128, READ = 256 };

enum { KINDS = 9 };

static struct { atomic_long counts[KINDS], fired; long at, times; int error, kind; size_t length; char root[PATH_MAX]; } *state;

void faults_arm(const char *root, long at, long times, int error, int kind) {
    if (!state)
        state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    strncpy(state->root, root, sizeof state->root - 1);
    state->length = strlen(state->root);
    state->times = times; state->error = error; state->kind = kind;
    atomic_store(&state->fired, 0);
    for (int one = 0; one < KINDS; one++) atomic_store(&state->counts[one], 0);
    state->at = at;
}
long faults_count(int kind) { return state ? atomic_load(&state->counts[__builtin_ctz(kind)]) : 0; }
long faults_fired(void) { return state ? atomic_load(&state->fired) : 0; }

static int below(const char *path) { return path && !strncmp(path, state->root, state->length); }

static int open_below(int handle) {
    char name[64], path[PATH_MAX];
    snprintf(name, sizeof name, "/proc/self/fd/%d", handle);
    long size = syscall(SYS_readlink, name, path, sizeof path - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    return below(path);
}

/* The error that this call is to end with; 0: none. */
static int due(int kind, int here) {
    if (!state || !here) return 0;
    long number = atomic_fetch_add(&state->counts[__builtin_ctz(kind)], 1) + 1;
    if (state->kind != kind || state->at <= 0 || number < state->at || number >= state->at + state->times) return 0;
    atomic_fetch_add(&state->fired, 1);
    if (state->error == -2) kill(0, SIGKILL);
    return state->error;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define FAILS(kind, here) do { int saved = errno, error = due(kind, here); errno = saved; \
    if (error > 0) { errno = error; return -1; } } while (0)

static int writes(int flags) { return (flags & (O_CREAT | O_TRUNC)) || (flags & O_ACCMODE) != O_RDONLY; }

#define OPENS(name) int name(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
    REAL(name); FAILS(OPEN, state && writes(flags) && below(path)); return real(path, flags, mode); }
OPENS(open)
OPENS(open64)
#define OPENS_AT(name) int name(int folder, const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
    REAL(name); FAILS(OPEN, state && writes(flags) && below(path)); return real(folder, path, flags, mode); }
OPENS_AT(openat)
OPENS_AT(openat64)

#define WRITES(name, ...) { REAL(name); int saved = errno; int error = due(WRITE, state && open_below(handle)); \
    errno = saved; \
    if (error > 0) { errno = error; return -1; } \
    if (error < 0 && size > 1) { size /= 2; } \
    return real(__VA_ARGS__); }
ssize_t write(int handle, const void *data, size_t size) WRITES(write, handle, data, size)
ssize_t pwrite(int handle, const void *data, size_t size, off_t at) WRITES(pwrite, handle, data, size, at)
ssize_t pwrite64(int handle, const void *data, size_t size, off64_t at) WRITES(pwrite64, handle, data, size, at)
ssize_t writev(int handle, const struct iovec *parts, int count) {
    REAL(writev); FAILS(WRITE, state && open_below(handle)); return real(handle, parts, count); }
ssize_t sendfile(int handle, int from, off_t *at, size_t size) {
    REAL(sendfile); FAILS(WRITE, state && open_below(handle)); return real(handle, from, at, size); }
ssize_t sendfile64(int handle, int from, off64_t *at, size_t size) {
    REAL(sendfile64); FAILS(WRITE, state && open_below(handle)); return real(handle, from, at, size); }
ssize_t copy_file_range(int from, off64_t *a, int handle, off64_t *b, size_t size, unsigned flags) {
    REAL(copy_file_range); FAILS(WRITE, state && open_below(handle)); return real(from, a, handle, b, size, flags); }

ssize_t read(int handle, void *data, size_t size) {
    REAL(read); FAILS(READ, state && open_below(handle)); return real(handle, data, size); }
ssize_t pread(int handle, void *data, size_t size, off_t at) {
    REAL(pread); FAILS(READ, state && open_below(handle)); return real(handle, data, size, at); }
ssize_t pread64(int handle, void *data, size_t size, off64_t at) {
    REAL(pread64); FAILS(READ, state && open_below(handle));
    return real(handle, data, size, at); }

int fsync(int handle) { REAL(fsync); FAILS(SYNC, state && open_below(handle)); return real(handle); }
int fdatasync(int handle) { REAL(fdatasync); FAILS(SYNC, state && open_below(handle)); return real(handle); }
int ftruncate(int handle, off_t size) { REAL(ftruncate); FAILS(SIZE, state && open_below(handle)); return real(handle, size); }
int ftruncate64(int handle, off64_t size) {
    REAL(ftruncate64); FAILS(SIZE, state && open_below(handle)); return real(handle, size); }

int rename(const char *from, const char *to) { REAL(rename); FAILS(RENAME, state && below(to)); return real(from, to); }
int renameat(int a, const char *from, int b, const char *to) {
    REAL(renameat); FAILS(RENAME, state && below(to)); return real(a, from, b, to); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    REAL(renameat2); FAILS(RENAME, state && below(to)); return real(a, from, b, to, flags); }
int link(const char *from, const char *to) { REAL(link); FAILS(LINK, state && below(to)); return real(from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) {
    REAL(linkat); FAILS(LINK, state && below(to)); return real(a, from, b, to, flags); }
int unlink(const char *path) { REAL(unlink); FAILS(UNLINK, state && below(path)); return real(path); }
int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat); FAILS(UNLINK, state && (below(path) || (folder >= 0 && open_below(folder))));
    return real(folder, path, flags); }
int rmdir(const char *path) { REAL(rmdir); FAILS(UNLINK, state && below(path)); return real(path); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); FAILS(MKDIR, state && below(path)); return real(path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(mkdirat); FAILS(MKDIR, state && below(path)); return real(folder, path, mode); }
