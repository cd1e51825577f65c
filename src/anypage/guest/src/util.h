/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UTIL_H
#define UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KB (1024UL)
#define MB (1024UL * KB)

/* As the auxiliary vector says: what the checks compute with. */
extern unsigned long page_size;

double seconds_now(void);

/* What the host expects: lines "key value" in /expect. A missing key fails the check. */
uint64_t wanted(const char *key);
const char *wanted_text(const char *key);
bool is_wanted(const char *key);
/* Values of a list "1,2,3"; their count. */
size_t wanted_list(const char *key, uint64_t *values, size_t room);

/* Small files of /proc and /sys. read_text() yields the text without the last newline. */
const char *read_text(const char *path);
uint64_t read_number(const char *path);
void write_text(const char *path, const char *text);
void write_number(const char *path, uint64_t number);
/* The number behind `key` in a file of lines "key number" or "key: number kB". */
uint64_t field(const char *path, const char *key);
/* Bytes: a field of /proc/meminfo. */
uint64_t meminfo(const char *key);
/* A field of the mapping that holds `address`, in /proc/self/smaps; bytes. */
uint64_t smaps(const void *address, const char *key);
/* The whole of a file, ended by a zero byte; NULL when it cannot be read. */
char *read_whole(const char *path, size_t *length);

/* Anonymous private memory of `length` bytes, never huge pages. */
unsigned char *map_anonymous(size_t length);
unsigned char *map_shared(size_t length);
/* The byte that belongs at this offset, different in each page. */
unsigned char pattern(size_t offset);
void fill(unsigned char *memory, size_t length);
void expect_pattern(const char *what, const unsigned char *memory, size_t length);

/* Signal that a byte access raises; 0 when it works. */
int fault_on_read(const volatile unsigned char *address);
int fault_on_write(volatile unsigned char *address);

/* Runs in a child, which must exit with 0. fail() in the child ends the check as failed. */
void in_child(void (*run)(void *), void *argument);
/* Waits for the child, which must exit with `code`. */
void expect_exit(pid_t child, int code);

/* The virtio disk with this serial number, as a path; NULL when there is none. */
const char *disk(const char *serial);
void make_dir(const char *path);
/* What mkswap writes on a disk, for pages of this size. */
void make_swap(const char *path, size_t size);

/* The first message of the kernel that holds this text as words, until the next call, or NULL. */
const char *find_message(const char *text);

#endif
