/* A letter by SMTP, through libcurl. TLS by STARTTLS (smtp://) or from the start (smtps://), and
 * needed unless require_tls is false. */
#include "engine.h"

#if __has_include(<curl/curl.h>)
#include <curl/curl.h>
#include <sodium.h>
#include <time.h>

static void put_date(int64_t ms, mw_buf *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc))
        mw_buf_format(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[utc.tm_wday],
                      utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                      utc.tm_sec);
}

/* =?utf-8?B?...?= words of RFC 2047, 45 bytes each, never inside a character. */
static void put_subject(mw_view text, mw_buf *out)
{
    enum { WORD_BYTES = 45 };
    char word[4 * WORD_BYTES];
    mw_buf_text(out, "Subject:");
    do {
        size_t n = text.size < WORD_BYTES ? text.size : WORD_BYTES;
        while (n > 0 && n < text.size && ((unsigned char)text.data[n] & 0xc0) == 0x80)
            n--;
        sodium_bin2base64(word, sizeof word, (const unsigned char *)text.data, n,
                          sodium_base64_VARIANT_ORIGINAL);
        mw_buf_format(out, " =?utf-8?B?%s?=\r\n", word);
        if (n == 0)
            break;
        text = (mw_view){text.data + n, text.size - n};
    } while (text.size > 0);
}

/* The text in base64, so that no line is too long and no byte is lost. */
static void put_text(mw_view text, mw_buf *out)
{
    enum { LINE_BYTES = 57 };
    char line[4 * LINE_BYTES];
    while (text.size > 0) {
        size_t n = text.size < LINE_BYTES ? text.size : LINE_BYTES;
        sodium_bin2base64(line, sizeof line, (const unsigned char *)text.data, n,
                          sodium_base64_VARIANT_ORIGINAL);
        mw_buf_format(out, "%s\r\n", line);
        text = (mw_view){text.data + n, text.size - n};
    }
}

static void write_mail(const alert_receiver *r, const book_letter *letter, mw_buf *out)
{
    const char *at = strchr(r->from.data, '@');
    put_date(letter->created_ms, out);
    mw_buf_format(out, "From: %s\r\nTo: ", r->from.data);
    for (size_t i = 0; i < r->to.count; i++)
        mw_buf_format(out, "%s%s", i ? ",\r\n " : "", r->to.items[i].data);
    mw_buf_format(out, "\r\nMessage-ID: <%.*s%s>\r\n", MW_VIEW_ARG(letter->key),
                  at ? at : "@millwright");
    put_subject(letter->subject, out);
    mw_buf_text(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\n"
                     "Content-Transfer-Encoding: base64\r\n\r\n");
    put_text(letter->body, out);
}

static size_t read_mail(char *to, size_t size, size_t count, void *given)
{
    mw_view *left = given;
    size_t n = size * count < left->size ? size * count : left->size;
    if (n > 0)
        memcpy(to, left->data, n);
    *left = (mw_view){left->data + n, left->size - n};
    return n;
}

static mw_status fail_mail(const alert_receiver *r, CURLcode code, const char *why, mw_error *err)
{
    mw_fail(err, MW_E_ALERT_DELIVERY, "the mail was not taken: %s", curl_easy_strerror(code));
    mw_why(err, "%s", why);
    mw_at(err, "%.*s", MW_VIEW_ARG(r->url));
    return mw_mend(err, "check url, user and password; require_tls: false for servers without TLS");
}

static mw_status perform(CURL *curl, const alert_receiver *r, mw_view *mail, mw_view url,
                         mw_view password, struct curl_slist *to, mw_error *err)
{
    char why[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_URL, url.data);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_USE_SSL,
                     (long)(r->requires_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    if (r->ca_file.data)
        curl_easy_setopt(curl, CURLOPT_CAINFO, r->ca_file.data);
    if (r->user.data)
        curl_easy_setopt(curl, CURLOPT_USERNAME, r->user.data);
    if (password.size > 0)
        curl_easy_setopt(curl, CURLOPT_PASSWORD, password.data);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, r->from.data);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_mail);
    curl_easy_setopt(curl, CURLOPT_READDATA, mail);
    CURLcode code = curl_easy_perform(curl);
    return code == CURLE_OK ? MW_OK : fail_mail(r, code, why, err);
}

static void begin_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

mw_status alert_send_mail(const alert_receiver *r, const book_letter *letter, mw_view url,
                          mw_view password, mw_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct curl_slist *to = NULL;
    mw_buf text;
    pthread_once(&once, begin_curl);
    CURL *curl = curl_easy_init();
    mw_buf_init(&text, 4 * MW_MIB);
    write_mail(r, letter, &text);
    for (size_t i = 0; i < r->to.count; i++)
        to = curl_slist_append(to, r->to.items[i].data);
    mw_view mail = mw_buf_as_view(&text);
    mw_status status = !curl || !to || text.failed
                           ? mw_fail_memory(err, "a mail")
                           : perform(curl, r, &mail, url, password, to, err);
    curl_slist_free_all(to);
    curl_easy_cleanup(curl);
    mw_buf_done(&text);
    return status;
}

#else

mw_status alert_send_mail(const alert_receiver *r, const book_letter *letter, mw_view url,
                          mw_view password, mw_error *err)
{
    (void)r, (void)letter, (void)url, (void)password;
    return mw_fail(err, MW_E_ALERT_MAIL_BUILD, "this program was built without libcurl");
}

#endif
