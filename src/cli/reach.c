/* How commands reach a running server; see reach.h. */
#include "reach.h"

enum { URL_BYTES = 512 };

static const char plain[] = "http://";

/* "8080", ":8080", "0.0.0.0:8080": a server that listens on every address is asked on this
 * machine's own. False when it is none of these, nor any other address without a scheme. */
static bool read_bare(mw_view text, char ret_url[URL_BYTES])
{
    mw_buf address;
    mw_buf_init(&address, URL_BYTES - 1);
    bool is_good = cli_read_address(text, &address);
    const char *port = is_good ? strrchr(address.data, ':') : NULL;
    bool is_any = is_good && (mw_view_starts(text, "0.0.0.0") || mw_view_starts(text, "[::]") ||
                              *address.data == ':');
    if (is_good)
        snprintf(ret_url, URL_BYTES, "%s%s%s", plain, is_any ? "127.0.0.1" : "",
                 is_any ? port : address.data);
    mw_buf_done(&address);
    return is_good;
}

mw_status cli_reach(const cli_call *call, const char *given, mw_dial **ret_dial, mw_error *err)
{
    const cli_setting *settings = call->settings;
    char url[URL_BYTES];
    mw_view text = mw_view_of(given ? given : settings[CLI_SERVER].text);
    if (mw_view_starts(text, plain))
        text = (mw_view){text.data + sizeof plain - 1, text.size - (sizeof plain - 1)};
    bool has_scheme = mw_view_starts(text, "https://") || mw_view_starts(text, "unix:");
    while (!has_scheme && text.size > 0 && text.data[text.size - 1] == '/')
        text.size--;
    if (!has_scheme && !read_bare(text, url)) {
        mw_fail(err, MW_E_OPTION_VALUE, "'%.*s' is no address of a server", MW_VIEW_ARG(text));
        return mw_mend(err, "write HOST:PORT, http://HOST:PORT, https://HOST:PORT or unix:PATH");
    }
    mw_dial_options options = {
        .url = has_scheme ? text.data : url,
        .headers = settings[CLI_HEADER].text,
        .ca_file = settings[CLI_CACERT].text,
        .is_insecure = cli_is_on(call, CLI_INSECURE),
    };
    return mw_dial_new(&options, ret_dial, err);
}

const char *cli_reach_name(const mw_dial *dial)
{
    const char *url = mw_dial_url(dial);
    return strncmp(url, plain, sizeof plain - 1) == 0 ? url + sizeof plain - 1 : url;
}

void cli_put_encoded(mw_buf *out, mw_view text)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] && strchr(unreserved, text.data[i]))
            mw_buf_char(out, text.data[i]);
        else
            mw_buf_format(out, "%%%02X", (unsigned char)text.data[i]);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static mw_view text_of(const mw_json *root, const char *key)
{
    return root ? mw_json_text(mw_json_member(root, key)) : (mw_view){NULL, 0};
}

/* A refusal as it was sent; NULL where that is no JSON. */
static mw_json *read_refusal(mw_view body)
{
    mw_json *root = NULL;
    mw_error unread;
    return mw_json_read(body, &root, &unread) == MW_OK ? root : NULL;
}

/* The server's own hint, but for a token, of which it does not know where it goes. */
static void tell_mend(int http_status, const mw_json *root, const char *mend, mw_error *err)
{
    mw_view hint = text_of(root, "hint");
    if (hint.size > 0 && http_status != 401)
        mw_mend(err, "%.*s", MW_VIEW_ARG(hint));
    else if (http_status == 401 || http_status == 403)
        mw_mend(err, "give it a token: --header 'Authorization: Bearer TOKEN'");
    else
        mw_mend(err, "%s", mend);
}

static mw_status tell_why(const mw_json *root, mw_view body, mw_error *err)
{
    enum { SHOWN_BYTES = 400 }; /* mw_why keeps what it has room for */
    mw_view said = text_of(root, "detail"), shown = mw_view_trim(body);
    if (root)
        shown = said.size > 0 ? said : text_of(root, "message");
    return mw_why(err, "%.*s", shown.size > SHOWN_BYTES ? SHOWN_BYTES : (int)shown.size,
                  shown.data);
}

mw_status cli_tell_refusal(int http_status, mw_view body, const char *mend, mw_error *err)
{
    mw_json *root = read_refusal(body);
    tell_mend(http_status, root, mend, err);
    mw_status status = tell_why(root, body, err);
    mw_json_free(root);
    return status;
}

/* The number of "MW4012", where it is one of ours; else 0. */
static int code_of(const mw_json *root)
{
    uint64_t number;
    mw_view code = text_of(root, "code");
    bool is_number = mw_view_starts(code, "MW") &&
                     mw_whole_parse((mw_view){code.data + 2, code.size - 2}, &number) &&
                     number <= INT32_MAX;
    return is_number && mw_code_find((int)number) ? (int)number : 0;
}

mw_status cli_repeat_refusal(int http_status, mw_view body, mw_error *err)
{
    mw_json *root = read_refusal(body);
    mw_view said = text_of(root, "detail"), why = text_of(root, "why");
    int code = said.size > 0 ? code_of(root) : 0;
    if (code) {
        mw_fail(err, (mw_code)code, "%.*s", MW_VIEW_ARG(said));
        if (why.size > 0)
            mw_why(err, "%.*s", MW_VIEW_ARG(why));
    } else {
        mw_fail(err, MW_E_APPLY_REPLY, "the server answers %d", http_status);
        tell_why(root, body, err);
    }
    tell_mend(http_status, root, "look at what stands there first", err);
    mw_json_free(root);
    return err->status;
}

/* ---- a server that is reached ---------------------------------------------------------------- */

bool cli_by_server(const cli_call *call)
{
    const cli_setting *settings = call->settings;
    return settings[CLI_SERVER].origin != CLI_FROM_DEFAULT || !settings[CLI_RECORD].text;
}

mw_status cli_server_open(const cli_call *call, cli_server *ret_server, mw_error *err)
{
    *ret_server = (cli_server){NULL, NULL};
    MW_TRY(cli_reach(call, NULL, &ret_server->dial, err));
    mw_status status = mw_client_open_to(ret_server->dial, CLI_ANSWER_MS, &ret_server->client, err);
    if (status != MW_OK && call->settings[CLI_SERVER].origin == CLI_FROM_DEFAULT)
        mw_mend(err, "name the server, --server HOST:PORT, or a record at hand, --record DIR");
    return status;
}

void cli_server_close(cli_server *server)
{
    mw_client_close(server->client);
    mw_dial_free(server->dial);
}

mw_status cli_server_ask(const cli_server *server, const char *method, const char *path,
                         mw_view body, mw_view *ret_answer, mw_error *err)
{
    int http_status;
    MW_TRY(mw_client_call(server->client, method, path, body.data ? "application/json" : NULL, body,
                          &http_status, ret_answer, err));
    return http_status < 300 ? MW_OK : cli_repeat_refusal(http_status, *ret_answer, err);
}
