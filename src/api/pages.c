/* GET /ui/...: the pages, from the program itself. Names of files hold a hash of what is in them,
 * so they are kept for ever; every other address below /ui/ is a page, and all pages are one file,
 * which learns from its own address what to show.
 *
 * The page may load nothing but what this server has, and runs no script but its own files. */
#include "pages.h"

#include <zlib.h>

#include "look.h"

#define SAFE                                                                                \
    "Content-Security-Policy: default-src 'self'; style-src 'self'; img-src 'self' data:; " \
    "object-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'\r\n"    \
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"

#define FOR_EVER "Cache-Control: public, max-age=31536000, immutable\r\nVary: Accept-Encoding\r\n"

enum { GZIP_WINDOW = 15 + 16, HEADER_BYTES = 700 };

static const char base_mark[] = "/--base--/";

static const api_page *find_page(mw_view name)
{
    for (size_t i = 0; i < api_n_pages; i++)
        if (api_page_table[i].name && mw_view_is(name, api_page_table[i].name))
            return &api_page_table[i];
    return NULL;
}

/* "gzip", "gzip;q=0.5", "*"; not "gzip;q=0". */
static bool takes_gzip(const mw_exchange *exchange)
{
    mw_view rest = mw_exchange_header(exchange, "Accept-Encoding");
    while (rest.size > 0) {
        mw_view weight = mw_view_cut(&rest, ','), name = mw_view_cut(&weight, ';');
        weight = mw_view_trim(weight);
        bool is_none = mw_view_is(weight, "q=0") || mw_view_is(weight, "q=0.0") ||
                       mw_view_is(weight, "q=0.00") || mw_view_is(weight, "q=0.000");
        if (mw_view_is_nocase(mw_view_trim(name), "gzip"))
            return !is_none;
    }
    return false;
}

static bool inflate_page(const api_page *page, mw_buf *out)
{
    if (!mw_buf_reserve(out, page->plain_size))
        return false;
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)page->data,
                       .avail_in = (uInt)page->size,
                       .next_out = (Bytef *)out->data + out->size,
                       .avail_out = (uInt)page->plain_size};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return false;
    bool is_whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    if (is_whole) {
        out->size += page->plain_size;
        out->data[out->size] = '\0';
    }
    return is_whole;
}

static void set_headers(mw_exchange *exchange, const char *lines, const char *etag)
{
    char room[HEADER_BYTES];
    snprintf(room, sizeof room, SAFE "%sETag: %s\r\n", lines, etag);
    const char *kept = mw_arena_text(exchange->arena, mw_view_of(room));
    exchange->reply_headers = kept ? mw_view_of(kept) : (mw_view){NULL, 0};
}

static void reply_file(mw_exchange *exchange, const api_page *page)
{
    exchange->reply_type = mw_view_of(page->type);
    if (takes_gzip(exchange)) {
        mw_buf_bytes(exchange->reply, page->data, page->size);
        set_headers(exchange, FOR_EVER "Content-Encoding: gzip\r\n", page->etag);
    } else {
        (void)inflate_page(page, exchange->reply);
        set_headers(exchange, FOR_EVER, page->etag);
    }
    if (mw_view_is(mw_exchange_header(exchange, "If-None-Match"), page->etag)) {
        mw_buf_reset(exchange->reply);
        exchange->status = 304;
    }
    mw_exchange_reply(exchange);
}

/* A letter of a text between quotes of HTML. */
static void put_escaped(mw_buf *out, const char *text)
{
    for (; *text; text++)
        if (strchr("&<>\"'", *text))
            mw_buf_format(out, "&#%d;", *text);
        else
            mw_buf_char(out, *text);
}

/* The one file of all pages, with where they stand behind a proxy. */
static void reply_index(mw_api *api, mw_exchange *exchange, const api_page *page)
{
    mw_buf plain;
    mw_buf_init(&plain, MW_MIB);
    exchange->reply_type = MW_VIEW("text/html; charset=utf-8");
    if (inflate_page(page, &plain)) {
        const char *mark = strstr(plain.data, base_mark);
        size_t before = mark ? (size_t)(mark - plain.data) : plain.size;
        mw_buf_bytes(exchange->reply, plain.data, before);
        if (mark) {
            put_escaped(exchange->reply, api_base_path(api));
            mw_buf_text(exchange->reply, "/ui/");
            mw_buf_text(exchange->reply, mark + sizeof base_mark - 1);
        }
    }
    mw_buf_done(&plain);
    set_headers(exchange, "Cache-Control: no-cache\r\n", page->etag);
    if (mw_view_is(mw_exchange_header(exchange, "If-None-Match"), page->etag)) {
        mw_buf_reset(exchange->reply);
        exchange->status = 304;
    }
    mw_exchange_reply(exchange);
}

static void reply_missing(mw_exchange *exchange)
{
    mw_buf_format(
        exchange->reply,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Millwright</title>"
        "<meta name=\"viewport\" content=\"width=device-width\"><h1>This build has no pages</h1>"
        "<p>They are built with Node 18 or later and npm: %s.<p>Install them (Debian: <code>apt "
        "install nodejs npm</code>), then run <code>make UI=on</code> and start the server "
        "again.<p>Without pages: <code>mw status</code>, <a href=\"%s\">metrics</a>, <a "
        "href=\"%s\">how the endpoints are</a>.\n",
        api_pages_missing, "../metrics", "../mw/v1/overview");
    exchange->reply_type = MW_VIEW("text/html; charset=utf-8");
    exchange->reply_headers = MW_VIEW(SAFE "Cache-Control: no-cache\r\n");
    mw_exchange_reply(exchange);
}

/* Files have a point in their last part, pages have not; an old file's name is not a page. */
static bool is_file_name(mw_view name)
{
    return mw_view_starts(name, "app-") || mw_view_starts(name, "part-") ||
           mw_view_starts(name, "icon-");
}

void api_pages(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    mw_view name = asked->params.name;
    const api_page *page = name.size > 0 ? find_page(name) : NULL;
    const api_page *start = find_page(MW_VIEW("index.html"));
    if (!start) {
        reply_missing(exchange);
    } else if (page && page != start) {
        reply_file(exchange, page);
    } else if (is_file_name(name)) {
        mw_fail(&err, MW_E_ROUTE_UNKNOWN, "this version has no file of that name");
        mw_mend(&err, "load the page again");
        mw_serve_error(exchange, &err, 404);
        mw_exchange_reply(exchange);
    } else {
        reply_index(api, exchange, start);
    }
}
