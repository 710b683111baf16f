#include "base/status.h"

#include "base/text_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cyc_status_text(int status)
{
    switch (status) {
#define CYC_STATUS_TEXT(code, name, text)                                                          \
    case (code):                                                                                   \
        return text;
        CYC_STATUS_LIST(CYC_STATUS_TEXT)
#undef CYC_STATUS_TEXT
    }
    return "unknown status";
}

const char *cyc_status_name(int status)
{
    switch (status) {
#define CYC_STATUS_NAME(code, name, text)                                                          \
    case (code):                                                                                   \
        return #name;
        CYC_STATUS_LIST(CYC_STATUS_NAME)
#undef CYC_STATUS_NAME
    }
    return "UNKNOWN";
}

int cyc_err_set(struct cyc_err *err, int status, const char *format, ...)
{
    if (err == NULL) {
        return status;
    }
    /* Formatted aside, because an argument may well be the old text of the same err. */
    char text[CYC_ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    cyc_format_list(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(err->text, text, sizeof text);
    err->status = status;
    return status;
}

int cyc_err_wrap(struct cyc_err *err, const char *format, ...)
{
    if (err == NULL) {
        return CYC_E_BUG;
    }
    char context[CYC_ERR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    cyc_format_list(context, sizeof context, format, arguments);
    va_end(arguments);
    return cyc_err_set(err, err->status, "%s: %s", context, err->text);
}

int cyc_assert_failed(const char *condition, const char *file, int line)
{
#ifdef CYC_ASSERT_ABORTS
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
#else
    (void)condition;
    (void)file;
    (void)line;
    return 0;
#endif
}
