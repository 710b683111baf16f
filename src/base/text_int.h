/* What the files of this folder share: characters of UTF-8 and printf in the C locale. */
#ifndef CYC_BASE_TEXT_INT_H
#define CYC_BASE_TEXT_INT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* vsnprintf in the C locale whatever the program's is, cut at a character. Returns the bytes that
 * the whole text has, or 0 when the format is broken. */
size_t cyc_format_list(char *buffer, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
/* The same with arguments in place. */
size_t cyc_format(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ASCII only: under a Turkish locale tolower() and strcasecmp() know other letters. */
char cyc_ascii_lower(char c);

/* Bytes of the character at the start of a non-empty string: 1 to 4, or 0 when it is not valid
 * UTF-8. */
size_t cyc_utf8_size(const char *string, size_t size);
/* The largest number of bytes, at most `size`, that does not cut a character in two. `size` must
 * not exceed the length of the string. */
size_t cyc_utf8_cut(const char *string, size_t size);
/* Whether the valid character of `size` bytes could move a cursor or change colours: C0, DEL, C1.
 */
bool cyc_utf8_is_control(const char *character, size_t size);

#endif
