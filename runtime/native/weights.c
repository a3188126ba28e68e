/* weights.c: maps a safetensors file: 8 bytes of header size, a JSON header, then the data.
 *
 * The file is mapped, not read: its pages are shared between processes and come in when first used.
 * Replacing the file by a rename is safe while it is mapped; writing into it is not. */
#define _GNU_SOURCE /* O_CLOEXEC, mmap */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model.h"

#define PREFIX 8u

static uint64_t header_bytes(const unsigned char *file) {
    uint64_t size = 0;
    for (unsigned i = 0; i < PREFIX; i++) size |= (uint64_t)file[i] << (8 * i);
    return size;
}

/* The number in `text` after any of `skip`; false when there is none or it does not fit. */
static bool read_number(const char **text, const char *end, const char *skip, uint64_t *number) {
    const char *at = *text;
    while (at < end && *at && strchr(skip, *at)) at++;
    const char *first = at;
    for (*number = 0; at < end && *at >= '0' && *at <= '9'; at++) {
        if (*number > UINT64_MAX / 16) return false;
        *number = *number * 10 + (uint64_t)(*at - '0');
    }
    *text = at;
    return at > first;
}

/* Whether the data ends where the last tensor ends, which a truncated file's does not. The offsets
 * are all that is wanted of the header, so it is searched for them and not parsed. */
static bool complete(const char *text, size_t text_bytes, uint64_t data_bytes) {
    static const char key[] = "\"data_offsets\"";
    const char *end = text + text_bytes;
    uint64_t last = 0;
    while ((size_t)(end - text) >= sizeof key - 1) {
        if (memcmp(text, key, sizeof key - 1) != 0) {
            text++;
            continue;
        }
        uint64_t from, to;
        text += sizeof key - 1;
        if (!read_number(&text, end, " :[", &from)) return false;
        if (!read_number(&text, end, " ,", &to) || to < from) return false;
        if (to > last) last = to;
    }
    return last == data_bytes;
}

/* The size of the JSON header of a sound file, or 0. */
static size_t check_header(const unsigned char *file, size_t size) {
    uint64_t header = header_bytes(file);
    if (header >= size - PREFIX || (PREFIX + header) % TYC_ALIGNMENT) return 0;
    bool sound = complete((const char *)file + PREFIX, (size_t)header, size - PREFIX - header);
    return sound ? (size_t)header : 0;
}

/* Not sysconf: the number of its argument differs between C libraries. */
static size_t page_bytes(void) { return (size_t)getauxval(AT_PAGESZ); }

/* Maps from the page on which the data begins, so that unmapping needs the data's address alone. */
static tyc_status map_data(int file, size_t size, const void **data, size_t *bytes) {
    void *whole = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
    if (whole == MAP_FAILED) return TYC_ERROR_IO;
    size_t header = check_header(whole, size);
    munmap(whole, size);
    if (!header) return TYC_ERROR_IO;

    size_t begin = PREFIX + header, skipped = begin % page_bytes();
    void *mapped = mmap(NULL, size - begin + skipped, PROT_READ, MAP_SHARED, file,
                        (off_t)(begin - skipped));
    if (mapped == MAP_FAILED) return TYC_ERROR_IO;
    *data = (const char *)mapped + skipped;
    *bytes = size - begin;
    return TYC_OK;
}

tyc_status tyc_weights_map(const char *path, const void **data, size_t *bytes) {
    if (!path || !data || !bytes) return TYC_ERROR_ARGUMENT;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return TYC_ERROR_IO;
    /* Not fstat: its symbol differs between old and new versions of glibc. */
    off_t size = lseek(file, 0, SEEK_END);
    tyc_status status = TYC_ERROR_IO;
    if (size > (off_t)PREFIX) status = map_data(file, (size_t)size, data, bytes);
    close(file);
    return status;
}

void tyc_weights_unmap(const void *data, size_t bytes) {
    if (!data) return;
    size_t skipped = (uintptr_t)data % page_bytes();
    munmap((char *)(uintptr_t)data - skipped, bytes + skipped);
}
