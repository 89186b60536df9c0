/* Members of an object in JSON, with commas where they are due; inside the room. */
#ifndef REPORT_MEMBERS_H
#define REPORT_MEMBERS_H

#include <string.h>

#include "base/base.h"

/* `"name":`. */
static inline void put_key(mw_buf *out, const char *name)
{
    if (!strchr("{[", out->data[out->size - 1]))
        mw_buf_char(out, ',');
    mw_json_write_text(out, mw_view_of(name));
    mw_buf_char(out, ':');
}

static inline void put_text(mw_buf *out, const char *name, mw_view text)
{
    put_key(out, name);
    mw_json_write_text(out, text);
}

static inline void put_doubles(mw_buf *out, const char *name, const double *values, size_t n)
{
    put_key(out, name);
    mw_buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_double(out, values[i]);
    }
    mw_buf_char(out, ']');
}

static inline void put_texts(mw_buf *out, const char *name, const mw_view *texts, size_t n)
{
    put_key(out, name);
    mw_buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_json_write_text(out, texts[i]);
    }
    mw_buf_char(out, ']');
}

#endif
