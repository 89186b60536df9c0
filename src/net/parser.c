/* HTTP/1 request heads, line by line; see parser.h.
 *
 * Wherever two readers of HTTP could disagree about where a request ends, the request is refused:
 * that disagreement is what request smuggling is made of. */
#include "parser.h"

#include "token.h"

/* What every step of one call works on. */
typedef struct reading {
    net_head_parser *parser;
    const net_head_limits *limits;
    net_head *head;
    int refusal;
    mw_error *err;
} reading;

void net_head_parser_reset(net_head_parser *parser)
{
    *parser = (net_head_parser){0};
}

static bool refuse(reading *r, int refusal, mw_code code, const char *what, const char *mend)
{
    r->refusal = refusal;
    mw_fail(r->err, code, "%s", what);
    mw_mend(r->err, "%s", mend);
    return false;
}

/* ---- request line -----------------------------------------------------------------------------
 */

static const char *const method_names[] = {
    [MW_GET] = "GET",     [MW_HEAD] = "HEAD",     [MW_POST] = "POST",       [MW_PUT] = "PUT",
    [MW_PATCH] = "PATCH", [MW_DELETE] = "DELETE", [MW_OPTIONS] = "OPTIONS",
};

const char *mw_method_name(mw_method method)
{
    return method < MW_COUNT(method_names) ? method_names[method] : "OTHER";
}

/* Methods are case-sensitive (RFC 9110 § 9.1): "get" is another method. */
mw_method net_find_method(mw_view text)
{
    for (size_t i = 0; i < MW_COUNT(method_names); i++) /* of most, the first bytes differ */
        if (text.size > 1 && text.data[0] == method_names[i][0] &&
            text.data[1] == method_names[i][1] && mw_view_is(text, method_names[i]))
            return (mw_method)i;
    return MW_METHOD_OTHER;
}

static bool refuse_line(reading *r)
{
    return refuse(r, 400, MW_E_HTTP_REQUEST_LINE, "the request line is not HTTP",
                  "begin with 'METHOD /path HTTP/1.1' and CR LF, single spaces between");
}

static bool refuse_target(reading *r)
{
    return refuse(r, 400, MW_E_HTTP_TARGET, "the request target is malformed",
                  "send a path such as '/v2/models', percent-encoded");
}

static void split_query(net_head *head, mw_view path)
{
    const char *mark = path.size > 0 ? memchr(path.data, '?', path.size) : NULL;
    head->path = path;
    head->query = (mw_view){NULL, 0};
    if (!mark)
        return;
    head->path.size = (size_t)(mark - path.data);
    head->query = (mw_view){mark + 1, path.size - head->path.size - 1};
}

/* "http://host:port/path?query": what a client sends to a proxy; a server must take it too
 * (RFC 9112 § 3.2.2). */
static bool read_absolute(reading *r, mw_view target)
{
    size_t scheme = 7;
    if (target.size > 8 && mw_view_is_nocase((mw_view){target.data, 8}, "https://"))
        scheme = 8;
    else if (target.size <= 7 || !mw_view_is_nocase((mw_view){target.data, 7}, "http://"))
        return refuse_target(r);
    size_t end = scheme;
    while (end < target.size && target.data[end] != '/' && target.data[end] != '?')
        end++;
    if (end == scheme || !net_is_host((mw_view){target.data + scheme, end - scheme}))
        return refuse_target(r);
    r->head->host = (mw_view){target.data + scheme, end - scheme};
    split_query(r->head, (mw_view){target.data + end, target.size - end});
    if (r->head->path.size == 0)
        r->head->path = MW_VIEW("/");
    return true;
}

static bool read_target(reading *r, mw_view target)
{
    if (target.size > r->limits->target_bytes)
        return refuse(r, 414, MW_E_TARGET_TOO_LONG, "the request path is too long",
                      "put large values into the body");
    if (!net_are_target_chars(target))
        return refuse_target(r);
    r->head->target = target;
    if (target.data[0] == '/') {
        split_query(r->head, target);
        return true;
    }
    if (mw_view_is(target, "*") && r->head->method == MW_OPTIONS) {
        r->head->path = target;
        r->head->query = (mw_view){NULL, 0};
        return true;
    }
    return read_absolute(r, target);
}

static bool read_version(reading *r, mw_view version)
{
    if (version.size != 8 || memcmp(version.data, "HTTP/", 5) != 0 || version.data[6] != '.' ||
        !net_is_digit(version.data[5]) || !net_is_digit(version.data[7]))
        return refuse_line(r);
    char major = version.data[5], minor = version.data[7];
    if (major == '2' && mw_view_is(r->head->method_text, "PRI"))
        return refuse(r, 505, MW_E_NOT_HTTP, "the preface of HTTP/2 is not whole",
                      "begin HTTP/2 as RFC 9113 says, or use HTTP/1.1");
    if (major != '1' || minor > '1')
        return refuse(r, 505, MW_E_HTTP_VERSION, "this HTTP version is not spoken here",
                      "use HTTP/1.1");
    r->parser->minor_version = (uint8_t)(minor - '0');
    return true;
}

static bool read_request_line(reading *r, mw_view line)
{
    net_head *head = r->head;
    const char *end = line.data + line.size, *at = line.data;
    while (at < end && net_is_token_char(*at))
        at++;
    head->method_text = (mw_view){line.data, (size_t)(at - line.data)};
    if (at == line.data || at == end || *at != ' ' ||
        head->method_text.size > MW_LIMIT_METHOD_BYTES)
        return refuse_line(r);
    const char *target = ++at;
    at = memchr(target, ' ', (size_t)(end - target));
    if (!at || at == target)
        return refuse_line(r);
    head->method = net_find_method(head->method_text);
    if (!read_version(r, (mw_view){at + 1, (size_t)(end - at - 1)}))
        return false;
    if (mw_view_is(head->method_text, "CONNECT"))
        return refuse(r, 501, MW_E_HTTP_CONNECT, "this server is no proxy: CONNECT is not answered",
                      "check the client's proxy settings");
    r->parser->has_request_line = true;
    return read_target(r, (mw_view){target, (size_t)(at - target)});
}

/* ---- the headers that decide about framing ----------------------------------------------------
 */

static bool refuse_framing(reading *r, const char *what)
{
    return refuse(r, 400, MW_E_HTTP_FRAMING, what,
                  "send one Content-Length in digits, or Transfer-Encoding: chunked");
}

static bool read_length(reading *r, mw_view value)
{
    net_head_parser *parser = r->parser;
    if (parser->has_length)
        return refuse_framing(r, "Content-Length stands twice");
    if (value.size == 0)
        return refuse_framing(r, "Content-Length is empty");
    uint64_t length = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (!net_is_digit(value.data[i]))
            return refuse_framing(r, "Content-Length is not a number");
        if (__builtin_mul_overflow(length, (uint64_t)10, &length) ||
            __builtin_add_overflow(length, (uint64_t)(value.data[i] - '0'), &length))
            length = UINT64_MAX / 10; /* stays beyond every limit, whatever digits follow */
    }
    parser->has_length = true;
    parser->content_length = length;
    return true;
}

static bool read_coding(reading *r, mw_view value)
{
    if (r->parser->has_coding)
        return refuse_framing(r, "Transfer-Encoding stands twice");
    if (value.size == 0)
        return refuse_framing(r, "Transfer-Encoding is empty");
    if (!mw_view_is_nocase(value, "chunked"))
        return refuse(r, 501, MW_E_HTTP_TRANSFER_CODING, "this transfer coding is not known",
                      "use 'Transfer-Encoding: chunked', or Content-Length");
    r->parser->has_coding = true;
    return true;
}

static bool read_host(reading *r, mw_view value)
{
    if (r->parser->has_host)
        return refuse(r, 400, MW_E_HTTP_HOST, "Host stands twice", "send one Host header");
    if (!net_is_host(value))
        return refuse(r, 400, MW_E_HTTP_HOST, "Host is malformed", "send 'Host: name:port'");
    r->parser->has_host = true;
    if (!r->head->host.data) /* else the target has said, and it alone counts (section 3.2.2) */
        r->head->host = value;
    return true;
}

static void read_connection(reading *r, mw_view value)
{
    mw_view item;
    while (net_next_item(&value, &item)) {
        if (mw_view_is_nocase(item, "close"))
            r->parser->closes = true;
        else if (mw_view_is_nocase(item, "keep-alive"))
            r->parser->keeps = true;
    }
}

static bool read_expect(reading *r, mw_view value)
{
    if (!mw_view_is_nocase(value, "100-continue"))
        return refuse(r, 417, MW_E_HTTP_EXPECTATION, "this expectation cannot be met",
                      "leave out the Expect header");
    r->parser->expects_continue = true;
    return true;
}

/* Names that matter here all differ in length, so that one comparison a header is enough. */
static bool read_known(reading *r, mw_header header)
{
    switch (header.name.size) {
    case 4:
        return !net_is_name(header.name, "host") || read_host(r, header.value);
    case 6:
        return !net_is_name(header.name, "expect") || read_expect(r, header.value);
    case 10:
        if (net_is_name(header.name, "connection"))
            read_connection(r, header.value);
        return true;
    case 12:
        if (net_is_name(header.name, "content-type"))
            r->head->content_type = header.value;
        return true;
    case 14:
        return !net_is_name(header.name, "content-length") || read_length(r, header.value);
    case 17:
        return !net_is_name(header.name, "transfer-encoding") || read_coding(r, header.value);
    default:
        return true;
    }
}

/* ---- header lines -----------------------------------------------------------------------------
 */

static bool read_header(reading *r, mw_view line)
{
    mw_header header;
    const char *fault = net_split_header(line, &header);
    if (fault)
        return refuse(r, 400, MW_E_HTTP_HEADER, fault,
                      "send 'Name: value' lines that end in CR LF");
    if (r->parser->n_headers >= r->limits->headers)
        return refuse(r, 431, MW_E_HEAD_TOO_LARGE, "there are too many header lines",
                      "send fewer headers");
    r->head->headers[r->parser->n_headers++] = header;
    return read_known(r, header);
}

/* The empty line is there: what no single line could tell. */
static bool finish_head(reading *r)
{
    const net_head_parser *parser = r->parser;
    net_head *head = r->head;
    if (parser->minor_version == 1 && !parser->has_host)
        return refuse(r, 400, MW_E_HTTP_HOST, "Host is missing", "send one Host header");
    if (parser->has_length && parser->has_coding)
        return refuse_framing(r, "Content-Length and Transfer-Encoding stand together");
    if (parser->has_coding && parser->minor_version == 0)
        return refuse_framing(r, "Transfer-Encoding stands in an HTTP/1.0 request");
    head->n_headers = parser->n_headers;
    head->content_length = parser->content_length;
    head->chunked = parser->has_coding;
    head->minor_version = parser->minor_version;
    head->keep_alive = !parser->closes && (parser->minor_version == 1 || parser->keeps);
    head->expects_continue = parser->expects_continue && parser->minor_version == 1;
    return true;
}

/* ---- lines ------------------------------------------------------------------------------------
 */

static net_verdict refuse_size(reading *r)
{
    if (r->parser->has_request_line)
        refuse(r, 431, MW_E_HEAD_TOO_LARGE, "the request head is too large",
               "send smaller headers");
    else
        refuse(r, 414, MW_E_TARGET_TOO_LONG, "the request path is too long",
               "put large values into the body");
    return NET_REFUSED;
}

/* Bytes that cannot begin a request are answered at once: a client of another protocol would send
 * no line end and wait. */
static bool check_opening(reading *r, char first)
{
    if (net_is_token_char(first) || first == '\r' || first == '\n')
        return true;
    if (first == 0x16)
        return refuse(r, 400, MW_E_NOT_HTTP, "TLS is not spoken on this port",
                      "use http:// instead of https://");
    return refuse_line(r);
}

/* One line without its CR LF. NET_MORE: go on with the next. */
static net_verdict read_line(reading *r, mw_view line)
{
    net_head_parser *parser = r->parser;
    bool fine;
    if (!parser->has_request_line) {
        if (line.size == 0 && !parser->has_blank_line) {
            parser->has_blank_line = true; /* RFC 9112 § 2.2: old clients send one too many */
            return NET_MORE;
        }
        fine = read_request_line(r, line);
    } else if (line.size == 0) {
        return finish_head(r) ? NET_WHOLE : NET_REFUSED;
    } else {
        fine = read_header(r, line);
    }
    return fine ? NET_MORE : NET_REFUSED;
}

static net_verdict read_lines(reading *r, const char *data, size_t size)
{
    net_head_parser *parser = r->parser;
    for (;;) {
        const char *from = data + parser->searched;
        const char *line_end = memchr(from, '\n', size - parser->searched);
        size_t seen = line_end ? (size_t)(line_end - data) + 1 : size;
        if (seen > r->limits->head_bytes)
            return refuse_size(r);
        parser->searched = (uint32_t)seen;
        if (!line_end)
            return NET_MORE;
        const char *line = data + parser->line_begin;
        if (line_end == line || line_end[-1] != '\r') {
            refuse(r, 400, parser->has_request_line ? MW_E_HTTP_HEADER : MW_E_HTTP_REQUEST_LINE,
                   "a line ends in a bare LF", "end lines with CR LF");
            return NET_REFUSED;
        }
        net_verdict verdict = read_line(r, (mw_view){line, (size_t)(line_end - line) - 1});
        parser->line_begin = (uint32_t)seen;
        if (verdict != NET_MORE)
            return verdict;
    }
}

net_verdict net_parse_head(net_head_parser *parser, const net_head_limits *limits, const char *data,
                           size_t size, net_head *ret_head, int *ret_refusal, mw_error *err)
{
    if (size == 0)
        return NET_MORE;
    reading r = {.parser = parser, .limits = limits, .head = ret_head, .err = err};
    ret_head->content_type = ret_head->host = (mw_view){NULL, 0};
    net_verdict verdict = NET_REFUSED;
    if (parser->searched > 0 || check_opening(&r, data[0]))
        verdict = read_lines(&r, data, size);
    if (verdict == NET_WHOLE && parser->resumed) {
        /* The views of earlier lines were not kept while waiting: read all lines once more. */
        net_head_parser_reset(parser);
        ret_head->host = (mw_view){NULL, 0};
        verdict = read_lines(&r, data, size);
    }
    if (verdict == NET_MORE)
        parser->resumed = parser->line_begin > 0;
    else if (verdict == NET_WHOLE)
        ret_head->size = parser->line_begin;
    else
        *ret_refusal = r.refusal;
    return verdict;
}
