/* Beside the database's files (bank.db, bank.db-wal) it keeps copies with the suffix .durable that have only what
 * was synced: what a disk has after a power cut. With POWER=lost a sync says that it succeeded and copies
 * nothing, as a disk does whose cache is not safe. Loaded into atmd by LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 1024
#define RANGES_MAX 65536

struct range { off_t from; size_t count; };
/* One of the two files. What one descriptor wrote, another one's sync makes durable. */
struct file { char copy[4096]; int fd; size_t count; struct range ranges[RANGES_MAX]; };

static struct file files[2];
static char of_fd[FILES_MAX]; /* 1 and more: the file's place and 1 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Whether the disk only says that it keeps what it is told to. */
static int lies(void) {
    const char *power = getenv("POWER");
    return power && !strcmp(power, "lost");
}

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/* 1 and 2 for the two files, 0 for any other. */
static int place(const char *path) {
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (!strcmp(name, "bank.db")) return 1;
    if (!strcmp(name, "bank.db-wal")) return 2;
    return 0;
}

static void opened(int fd, const char *path) {
    if (fd < 0 || fd >= FILES_MAX) return;
    pthread_mutex_lock(&lock);
    of_fd[fd] = place(path);
    if (of_fd[fd]) {
        struct file *file = &files[of_fd[fd] - 1];
        struct stat stat;
        int (*open_real)(const char *, int, ...) = real("open64");
        snprintf(file->copy, sizeof file->copy, "%s.durable", path);
        if (!file->fd) file->fd = open_real(file->copy, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        /* A file that begins anew: nothing of the old one counts. */
        if (!lies() && !fstat(fd, &stat) && !stat.st_size) {
            file->count = 0;
            if (ftruncate(file->fd, 0)) abort();
        }
    }
    pthread_mutex_unlock(&lock);
}

static void wrote(int fd, off_t from, ssize_t count) {
    if (fd < 0 || fd >= FILES_MAX || !of_fd[fd] || count <= 0) return;
    pthread_mutex_lock(&lock);
    struct file *file = &files[of_fd[fd] - 1];
    if (file->count == RANGES_MAX) abort();
    file->ranges[file->count++] = (struct range){ from, count };
    pthread_mutex_unlock(&lock);
}

/* Everything that was written so far is durable, unless durability is switched off. */
static void synced(int fd) {
    if (fd < 0 || fd >= FILES_MAX || !of_fd[fd]) return;
    ssize_t (*write_real)(int, const void *, size_t, off_t) = real("pwrite64");
    pthread_mutex_lock(&lock);
    struct file *file = &files[of_fd[fd] - 1];
    for (size_t n = 0; n < file->count && !lies(); n++) {
        struct range range = file->ranges[n];
        char *bytes = malloc(range.count);
        ssize_t got = bytes ? pread(fd, bytes, range.count, range.from) : -1;
        if (got < 0 || write_real(file->fd, bytes, got, range.from) != got) abort();
        free(bytes);
    }
    file->count = 0;
    pthread_mutex_unlock(&lock);
}

#define OPENS(NAME)                                                                  \
    int NAME(const char *path, int flags, ...) {                                     \
        va_list rest;                                                                \
        va_start(rest, flags);                                                       \
        mode_t mode = va_arg(rest, mode_t);                                          \
        va_end(rest);                                                                \
        int fd = ((int (*)(const char *, int, ...))real(#NAME))(path, flags, mode);  \
        opened(fd, path);                                                            \
        return fd;                                                                   \
    }
OPENS(open)
OPENS(open64)

int close(int fd) {
    if (fd >= 0 && fd < FILES_MAX) of_fd[fd] = 0;
    return ((int (*)(int))real("close"))(fd);
}

#define WRITES(NAME)                                                                                 \
    ssize_t NAME(int fd, const void *bytes, size_t count, off_t from) {                              \
        ssize_t done = ((ssize_t (*)(int, const void *, size_t, off_t))real(#NAME))(fd, bytes, count, from); \
        wrote(fd, from, done);                                                                       \
        return done;                                                                                 \
    }
WRITES(pwrite)
WRITES(pwrite64)

#define SYNCS(NAME)                                    \
    int NAME(int fd) {                                 \
        int done = ((int (*)(int))real(#NAME))(fd);    \
        if (!done) synced(fd);                         \
        return done;                                   \
    }
SYNCS(fsync)
SYNCS(fdatasync)
