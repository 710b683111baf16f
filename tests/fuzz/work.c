#include "work.h"

#include <stddef.h>
#include <string.h>

/* The linker turns the libraries' calls of memchr() into calls of __wrap_memchr(), and so on; each
 * counts one for every 16 bytes that it looks at. */

static uint64_t work;

void __sanitizer_cov_trace_pc(void);
void *__real_memchr(const void *bytes, int byte, size_t size);
void *__wrap_memchr(const void *bytes, int byte, size_t size);
void *__real_memcpy(void *target, const void *source, size_t size);
void *__wrap_memcpy(void *target, const void *source, size_t size);
void *__real_memmove(void *target, const void *source, size_t size);
void *__wrap_memmove(void *target, const void *source, size_t size);
void *__real_memset(void *target, int byte, size_t size);
void *__wrap_memset(void *target, int byte, size_t size);
void *__real_memmem(const void *bytes, size_t size, const void *part, size_t part_size);
void *__wrap_memmem(const void *bytes, size_t size, const void *part, size_t part_size);
size_t __real_strlen(const char *string);
size_t __wrap_strlen(const char *string);
char *__real_strchr(const char *string, int byte);
char *__wrap_strchr(const char *string, int byte);
char *__real_strstr(const char *string, const char *part);
char *__wrap_strstr(const char *string, const char *part);

void __sanitizer_cov_trace_pc(void)
{
    work++;
}

void work_mark(void)
{
    work = 0;
}

uint64_t work_done(void)
{
    return work;
}

static void count(size_t size)
{
    work += size / 16 + 1;
}

/* Up to what was found, else everything. */
static void *found(const void *bytes, void *hit, size_t size)
{
    count(hit != NULL ? (size_t)((const char *)hit - (const char *)bytes) : size);
    return hit;
}

void *__wrap_memchr(const void *bytes, int byte, size_t size)
{
    return found(bytes, __real_memchr(bytes, byte, size), size);
}

void *__wrap_memcpy(void *target, const void *source, size_t size)
{
    count(size);
    return __real_memcpy(target, source, size);
}

void *__wrap_memmove(void *target, const void *source, size_t size)
{
    count(size);
    return __real_memmove(target, source, size);
}

void *__wrap_memset(void *target, int byte, size_t size)
{
    count(size);
    return __real_memset(target, byte, size);
}

void *__wrap_memmem(const void *bytes, size_t size, const void *part, size_t part_size)
{
    return found(bytes, __real_memmem(bytes, size, part, part_size), size);
}

size_t __wrap_strlen(const char *string)
{
    const size_t size = __real_strlen(string);
    count(size);
    return size;
}

char *__wrap_strchr(const char *string, int byte)
{
    return found(string, __real_strchr(string, byte), __real_strlen(string));
}

char *__wrap_strstr(const char *string, const char *part)
{
    return found(string, __real_strstr(string, part), __real_strlen(string));
}
