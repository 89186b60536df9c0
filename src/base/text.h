/* Borrowed text (mw_view) and growing text (mw_buf). */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes; not NUL-ended; {NULL, 0} is empty. Valid as long as what it points into. */
typedef struct mw_view {
    const char *data;
    size_t size;
} mw_view;

#define MW_VIEW(literal) ((mw_view){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define MW_VIEW_ARG(view) (int)(view).size, (view).data

static inline mw_view mw_view_of(const char *text)
{
    return (mw_view){text, text ? strlen(text) : 0};
}

static inline bool mw_view_equal(mw_view a, mw_view b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Whether it is UTF-8 throughout (RFC 3629: no overlong forms, no surrogates). */
bool mw_view_is_utf8(mw_view view);

/* < 0, 0, > 0: in the order of their bytes, a beginning before what goes on. */
static inline int mw_view_order(mw_view a, mw_view b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool mw_view_is(mw_view view, const char *text)
{
    return mw_view_equal(view, mw_view_of(text));
}

static inline bool mw_view_starts(mw_view view, const char *prefix)
{
    size_t size = strlen(prefix);
    return view.size >= size && memcmp(view.data, prefix, size) == 0;
}

/* ASCII letters without regard to case, as header names want it. */
bool mw_view_equal_nocase(mw_view a, mw_view b);

static inline bool mw_view_is_nocase(mw_view view, const char *text)
{
    return mw_view_equal_nocase(view, mw_view_of(text));
}

/* Without leading and trailing spaces, tabs, CR and LF. */
mw_view mw_view_trim(mw_view view);
/* Take what stands before the first `mark` off the text, and the mark with it; all when there is
 * none. */
mw_view mw_view_cut(mw_view *text, char mark);
/* Whether a name is a line of "\na\nb\n"; absent lines (data is NULL) list every name. */
bool mw_view_lists(mw_view lines, mw_view name);
/* Edit distance (Levenshtein), at most `limit` + 1: to suggest the name that was meant. */
size_t mw_view_distance(mw_view a, mw_view b, size_t limit);

/* Growing bytes, always NUL-ended, with a cap given at init.
 * A write that passes the cap, or finds no memory, writes nothing and sets `failed`; the caller
 * checks once, at the end. After mw_buf_done it may be inited again. */
typedef struct mw_buf {
    char *data; /* never NULL after init: an empty buffer is "" */
    size_t size, capacity, cap;
    bool failed;
} mw_buf;

void mw_buf_init(mw_buf *buf, size_t cap);
void mw_buf_done(mw_buf *buf);
void mw_buf_reset(mw_buf *buf);                 /* empty, keeps memory, clears `failed` */
bool mw_buf_reserve(mw_buf *buf, size_t extra); /* room for `extra` more bytes */
void mw_buf_bytes(mw_buf *buf, const void *data, size_t size);
void mw_buf_view(mw_buf *buf, mw_view view);
void mw_buf_char(mw_buf *buf, char c);
void mw_buf_format(mw_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Here, so that the length of a literal is known when it is compiled. */
static inline void mw_buf_text(mw_buf *buf, const char *text)
{
    mw_buf_bytes(buf, text, strlen(text));
}

static inline mw_view mw_buf_as_view(const mw_buf *buf)
{
    return (mw_view){buf->data, buf->size};
}

#endif
