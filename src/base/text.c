/* Views and buffers. */
#include "text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "utf8.h"

#include "banned.h"

bool mw_view_is_utf8(mw_view view)
{
    const char *end = view.data + view.size;
    for (size_t length; view.data < end; view.data += length) {
        length = utf8_length(view.data, end);
        if (length == 0)
            return false;
    }
    return true;
}

/* Of ASCII, whatever the locale. */
static inline char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Eight at a time; bytes beyond ASCII stay as they are. */
static inline uint64_t lower_eight(const char *text)
{
    const uint64_t each = UINT64_C(0x0101010101010101), high = each << 7;
    uint64_t word;
    memcpy(&word, text, sizeof word);
    uint64_t low = word & ~high;
    uint64_t from_a = low + each * (0x80 - 'A'), behind_z = low + each * (0x7f - 'Z');
    return word | ((from_a & ~behind_z & ~word & high) >> 2);
}

bool mw_view_equal_nocase(mw_view a, mw_view b)
{
    if (a.size != b.size)
        return false;
    size_t i = 0, word = sizeof(uint64_t);
    for (; a.size - i >= word; i += word)
        if (lower_eight(a.data + i) != lower_eight(b.data + i))
            return false;
    if (i > 0 && i < a.size) /* the last eight, some of them once more */
        return lower_eight(a.data + a.size - word) == lower_eight(b.data + a.size - word);
    for (; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

mw_view mw_view_trim(mw_view view)
{
    while (view.size > 0 && is_blank(view.data[0])) {
        view.data++;
        view.size--;
    }
    while (view.size > 0 && is_blank(view.data[view.size - 1]))
        view.size--;
    return view;
}

mw_view mw_view_cut(mw_view *text, char mark)
{
    const char *end = text->size > 0 ? memchr(text->data, mark, text->size) : NULL;
    mw_view head = {text->data, end ? (size_t)(end - text->data) : text->size};
    size_t used = head.size + (end ? 1 : 0);
    text->data += used;
    text->size -= used;
    return head;
}

bool mw_view_lists(mw_view lines, mw_view name)
{
    if (!lines.data)
        return true;
    while (lines.size > 0)
        if (mw_view_equal(mw_view_cut(&lines, '\n'), name) && name.size > 0)
            return true;
    return false;
}

size_t mw_view_distance(mw_view a, mw_view b, size_t limit)
{
    enum { LONGEST = 64 };
    if (a.size > LONGEST || b.size > LONGEST)
        return mw_view_equal(a, b) ? 0 : limit + 1;
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t change = diagonal + (a.data[i - 1] != b.data[j - 1]);
            size_t gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < gap ? change : gap;
        }
    }
    return row[b.size] <= limit ? row[b.size] : limit + 1;
}

static char empty_text[1] = "";

void mw_buf_init(mw_buf *buf, size_t cap)
{
    *buf = (mw_buf){.data = empty_text, .cap = cap};
}

void mw_buf_done(mw_buf *buf)
{
    if (buf->capacity > 0)
        free(buf->data);
    mw_buf_init(buf, buf->cap);
}

void mw_buf_reset(mw_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->capacity > 0)
        buf->data[0] = '\0';
}

bool mw_buf_reserve(mw_buf *buf, size_t extra)
{
    assert(buf->data);
    if (buf->failed || extra > buf->cap || buf->size > buf->cap - extra) {
        buf->failed = true;
        return false;
    }
    size_t needed = buf->size + extra + 1; /* + the closing NUL */
    if (needed <= buf->capacity)
        return true;
    size_t capacity = buf->capacity ? buf->capacity * 2 : 256;
    if (capacity < needed)
        capacity = needed;
    char *data = realloc(buf->capacity ? buf->data : NULL, capacity);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    buf->data[buf->size] = '\0';
    return true;
}

/* As nearly always: nothing has to be fetched for it. */
static inline bool is_there(const mw_buf *buf, size_t extra)
{
    return extra < buf->capacity - buf->size && buf->size + extra <= buf->cap && !buf->failed;
}

void mw_buf_bytes(mw_buf *buf, const void *data, size_t size)
{
    if (size == 0 || !(is_there(buf, size) || mw_buf_reserve(buf, size)))
        return;
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void mw_buf_view(mw_buf *buf, mw_view view)
{
    mw_buf_bytes(buf, view.data, view.size);
}

void mw_buf_char(mw_buf *buf, char c)
{
    if (!is_there(buf, 1) && !mw_buf_reserve(buf, 1))
        return;
    buf->data[buf->size++] = c;
    buf->data[buf->size] = '\0';
}

/* What is there already, the closing NUL included. */
static size_t room_of(const mw_buf *buf)
{
    if (buf->failed || buf->capacity == 0)
        return 0;
    size_t end = buf->capacity <= buf->cap ? buf->capacity : buf->cap + 1;
    return end - buf->size;
}

/* Most texts fit where they go: a second pass is for those that do not. */
void mw_buf_format(mw_buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = room_of(buf);
    int needed = vsnprintf(room ? buf->data + buf->size : NULL, room, format, args);
    va_end(args);
    if (needed > 0 && (size_t)needed < room) {
        buf->size += (size_t)needed;
    } else {
        if (room)
            buf->data[buf->size] = '\0';
        if (needed > 0 && mw_buf_reserve(buf, (size_t)needed)) {
            vsnprintf(buf->data + buf->size, (size_t)needed + 1, format, again);
            buf->size += (size_t)needed;
        }
    }
    va_end(again);
}
