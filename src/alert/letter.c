/* One body by HTTP to an address, now: what alerts to web servers and webhooks are sent by. */
#include <sodium.h>

#include "alert.h"

enum { LETTER_URL_BYTES = 4096 };

/* What stands in the path goes into the request's first line as it is. */
static mw_status check_characters(const char *path, mw_error *err)
{
    for (const char *c = path; *c; c++) {
        if (*c > ' ' && *c <= '~')
            continue;
        mw_fail(err, MW_E_DIAL_ADDRESS, "byte %u may not stand in an address",
                (unsigned)(unsigned char)*c);
        return mw_mend(err, "write blanks and letters beyond ASCII as %%XX");
    }
    return MW_OK;
}

static mw_status fail_url(mw_error *err)
{
    mw_fail(err, MW_E_DIAL_ADDRESS, "an address of more than %d bytes", LETTER_URL_BYTES - 1);
    return mw_mend(err, "give a shorter one");
}

/* "https://host:1/a/b" -> "https://host:1" and "/a/b"; "http://host?x=1" -> "/?x=1". */
static mw_status split_url(const char *url, char room[LETTER_URL_BYTES],
                           char path[LETTER_URL_BYTES], mw_error *err)
{
    if (snprintf(room, LETTER_URL_BYTES, "%s", url) >= LETTER_URL_BYTES)
        return fail_url(err);
    room[strcspn(room, "#")] = '\0';
    char *host = strstr(room, "://");
    host = host ? host + 3 : room;
    char *rest = host + strcspn(host, "/?");
    int size = snprintf(path, LETTER_URL_BYTES, "%s%s", *rest == '/' ? "" : "/", rest);
    *rest = '\0';
    return size < LETTER_URL_BYTES ? check_characters(path, err) : fail_url(err);
}

static void keep_reply(const mw_client *client, mw_view body, mw_letter_reply *reply)
{
    uint64_t seconds;
    mw_view later = mw_client_header(client, "retry-after");
    size_t room = reply->body->cap > reply->body->size ? reply->body->cap - reply->body->size : 0;
    if (later.data && mw_whole_parse(mw_view_trim(later), &seconds))
        reply->retry_after_s = seconds < INT64_MAX ? (int64_t)seconds : INT64_MAX;
    mw_buf_bytes(reply->body, body.data, body.size < room ? body.size : room);
}

static mw_status post_to(const mw_letter *letter, const mw_dial *dial, const char *path,
                         mw_letter_reply *reply, mw_error *err)
{
    mw_client *client;
    mw_view body;
    MW_TRY(mw_client_open_to(dial, letter->timeout_ms, &client, err));
    mw_status status = mw_client_call(client, "POST", letter->path ? letter->path : path,
                                      letter->type, letter->body, &reply->status, &body, err);
    if (status == MW_OK)
        keep_reply(client, body, reply);
    mw_client_close(client);
    return status;
}

static mw_status dial_to(const mw_letter *letter, const char *place, mw_dial **ret_dial,
                         mw_error *err)
{
    return mw_dial_new(&(mw_dial_options){.url = place,
                                          .headers = letter->headers,
                                          .ca_file = letter->ca_file,
                                          .only_public = letter->only_public},
                       ret_dial, err);
}

mw_status mw_letter_post(const mw_letter *letter, mw_letter_reply *reply, mw_error *err)
{
    mw_dial *dial = NULL;
    char place[LETTER_URL_BYTES], path[LETTER_URL_BYTES];
    mw_status status = split_url(letter->url, place, path, err);
    if (status == MW_OK)
        status = dial_to(letter, place, &dial, err);
    if (status == MW_OK)
        status = post_to(letter, dial, path, reply, err);
    mw_dial_free(dial);
    sodium_memzero(path, sizeof path); /* Slack's is a secret */
    return status;
}

mw_status mw_letter_check(const mw_letter *letter, mw_error *err)
{
    mw_dial *dial = NULL;
    char place[LETTER_URL_BYTES], path[LETTER_URL_BYTES];
    MW_TRY(split_url(letter->url, place, path, err));
    MW_TRY(dial_to(letter, place, &dial, err));
    mw_status status = mw_dial_check(dial, err);
    mw_dial_free(dial);
    return status;
}
