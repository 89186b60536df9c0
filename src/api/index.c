/* The front page: for people with a browser, what is here and how to call it. */
#include "pages.h"
#include "route.h"

static void write_html(mw_buf *out, mw_view text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '<')
            mw_buf_text(out, "&lt;");
        else if (c == '&')
            mw_buf_text(out, "&amp;");
        else if (c == '"')
            mw_buf_text(out, "&quot;");
        else
            mw_buf_char(out, c);
    }
}

static void write_row(void *user, const mw_endpoint_info *info)
{
    mw_buf *out = user;
    mw_buf_format(out, "<tr><td><a href=\"/v2/models/%s\">%s</a><td>%s<td>", info->name, info->name,
                  info->ready ? "ready" : "not loaded");
    if (info->forest) {
        mw_buf_text(out, mw_format_name(info->forest->format));
        mw_buf_text(out, ", ");
        write_html(out, mw_view_of(info->forest->objective));
        mw_buf_format(out, "<td>%zu<td>%zu", info->forest->n_trees, info->forest->n_features);
    } else {
        mw_buf_text(out, "<td><td>");
    }
    uint64_t n = 0;
    for (size_t p = 0; p < MW_N_PROTOCOLS; p++)
        for (size_t c = 0; c < MW_N_CODES; c++)
            n += info->counts.requests[p][c];
    mw_buf_format(out, "<td>%llu<td><code>/endpoints/%s/invocations</code>", (unsigned long long)n,
                  info->name);
}

/* A browser is shown the pages. */
static void redirect(mw_exchange *exchange, const char *base)
{
    char line[MW_LIMIT_NAME_BYTES + 64];
    snprintf(line, sizeof line, "Location: %s/ui/\r\nVary: Accept\r\n", base);
    const char *kept = mw_arena_text(exchange->arena, mw_view_of(line));
    exchange->status = 302;
    exchange->reply_headers = kept ? mw_view_of(kept) : (mw_view){NULL, 0};
    mw_exchange_reply(exchange);
}

void api_index(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    (void)asked;
    mw_buf *out = exchange->reply;
    if (api_n_pages > 0 && mw_exchange_names_type(exchange, "text/html")) {
        redirect(exchange, api_base_path(api));
        return;
    }
    mw_buf_text(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Millwright</title>"
        "<meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\">"
        "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:2rem "
        "auto;max-width:62rem;padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{"
        "text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8886}</style>"
        "<h1>Millwright " MW_VERSION "</h1><table><thead><tr><th>Model<th>State<th>Kind<th>Trees"
        "<th>Features<th>Requests<th>Address</thead>");
    mw_fleet_each_seen(api_fleet(api), exchange->user_sees, write_row, out);
    mw_buf_text(out,
                "</table><p>MLflow scoring, Open Inference Protocol v2 and KServe V1 are spoken "
                "here: <a href=\"/openapi.json\">openapi.json</a>, <a href=\"/v2\">v2</a>, <a "
                "href=\"/metrics\">metrics</a>.");
    exchange->reply_type = MW_VIEW("text/html; charset=utf-8");
    mw_exchange_reply(exchange);
}
