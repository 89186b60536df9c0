/* A letter by SMTP, through libcurl, which is loaded with the first one: linked, its thirty
 * libraries would double the time that every start of the program takes. TLS by STARTTLS (smtp://)
 * or from the start (smtps://), and needed unless require_tls is false. */
#include "engine.h"

#if __has_include(<curl/curl.h>)
#define CURL_DISABLE_TYPECHECK /* options are set by a pointer to the function */
#include <curl/curl.h>
#include <dlfcn.h>
#include <sodium.h>
#include <time.h>

/* ---- the library ----------------------------------------------------------------------------- */

static struct {
    bool is_there;
    CURLcode (*begin)(long flags);
    CURL *(*open)(void);
    CURLcode (*set)(CURL *curl, CURLoption option, ...);
    CURLcode (*perform)(CURL *curl);
    const char *(*explain)(CURLcode code);
    void (*close)(CURL *curl);
    struct curl_slist *(*append)(struct curl_slist *list, const char *text);
    void (*free_list)(struct curl_slist *list);
} library;

static bool find(void *handle, const char *name, void *ret_function)
{
    void *found = dlsym(handle, name);
    memcpy(ret_function, &found, sizeof found); /* C has no cast from an object to a function */
    return found != NULL;
}

static void load_library(void)
{
    void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    library.is_there = handle && find(handle, "curl_global_init", &library.begin) &&
                       find(handle, "curl_easy_init", &library.open) &&
                       find(handle, "curl_easy_setopt", &library.set) &&
                       find(handle, "curl_easy_perform", &library.perform) &&
                       find(handle, "curl_easy_strerror", &library.explain) &&
                       find(handle, "curl_easy_cleanup", &library.close) &&
                       find(handle, "curl_slist_append", &library.append) &&
                       find(handle, "curl_slist_free_all", &library.free_list) &&
                       library.begin(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

/* ---- the letter ------------------------------------------------------------------------------ */

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

static void put_part(const char *type, const char *more, mw_view text, mw_buf *out)
{
    mw_buf_format(out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n%s",
                  type, more);
    mw_buf_text(out, "\r\n");
    put_text(text, out);
}

/* The text, and behind it the file; neither holds the boundary: both are base64. */
static void put_parts(const book_letter *letter, mw_buf *out)
{
    char named[MW_LIMIT_NAME_BYTES + 80];
    snprintf(named, sizeof named, "Content-Disposition: attachment; filename=\"%.*s\"\r\n",
             MW_VIEW_ARG(letter->file_name));
    mw_buf_format(out, "Content-Type: multipart/mixed; boundary=\"=_%.*s\"\r\n\r\n--=_%.*s\r\n",
                  MW_VIEW_ARG(letter->key), MW_VIEW_ARG(letter->key));
    put_part("text/plain", "", letter->body, out);
    mw_buf_format(out, "--=_%.*s\r\n", MW_VIEW_ARG(letter->key));
    put_part("text/html", named, letter->file, out);
    mw_buf_format(out, "--=_%.*s--\r\n", MW_VIEW_ARG(letter->key));
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
    mw_buf_text(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    if (letter->file_name.size > 0)
        put_parts(letter, out);
    else
        put_part("text/plain", "", letter->body, out);
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
    mw_fail(err, MW_E_ALERT_DELIVERY, "the mail was not taken: %s", library.explain(code));
    mw_why(err, "%s", why);
    mw_at(err, "%.*s", MW_VIEW_ARG(r->url));
    return mw_mend(err, "check url, user and password; require_tls: false for servers without TLS");
}

static mw_status perform(CURL *curl, const alert_receiver *r, mw_view *mail, mw_view url,
                         mw_view password, struct curl_slist *to, mw_error *err)
{
    char why[CURL_ERROR_SIZE] = "";
    library.set(curl, CURLOPT_ERRORBUFFER, why);
    library.set(curl, CURLOPT_NOSIGNAL, 1L);
    library.set(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    library.set(curl, CURLOPT_URL, url.data);
    library.set(curl, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    library.set(curl, CURLOPT_USE_SSL, (long)(r->requires_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    if (r->ca_file.data)
        library.set(curl, CURLOPT_CAINFO, r->ca_file.data);
    if (r->user.data)
        library.set(curl, CURLOPT_USERNAME, r->user.data);
    if (password.size > 0)
        library.set(curl, CURLOPT_PASSWORD, password.data);
    library.set(curl, CURLOPT_MAIL_FROM, r->from.data);
    library.set(curl, CURLOPT_MAIL_RCPT, to);
    library.set(curl, CURLOPT_UPLOAD, 1L);
    library.set(curl, CURLOPT_READFUNCTION, read_mail);
    library.set(curl, CURLOPT_READDATA, mail);
    CURLcode code = library.perform(curl);
    return code == CURLE_OK ? MW_OK : fail_mail(r, code, why, err);
}

static mw_status fail_library(mw_error *err)
{
    mw_fail(err, MW_E_ALERT_MAIL_BUILD, "libcurl.so.4 cannot be loaded here");
    return mw_mend(err, "install it (apt install libcurl4), or tell people by a webhook");
}

mw_status alert_send_mail(const alert_receiver *r, const book_letter *letter, mw_view url,
                          mw_view password, mw_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct curl_slist *to = NULL;
    mw_buf text;
    pthread_once(&once, load_library);
    if (!library.is_there)
        return fail_library(err);
    CURL *curl = library.open();
    mw_buf_init(&text, 4 * MW_MIB + 2 * MW_LIMIT_ALERT_FILE_BYTES);
    write_mail(r, letter, &text);
    for (size_t i = 0; i < r->to.count; i++)
        to = library.append(to, r->to.items[i].data);
    mw_view mail = mw_buf_as_view(&text);
    mw_status status = !curl || !to || text.failed
                           ? mw_fail_memory(err, "a mail")
                           : perform(curl, r, &mail, url, password, to, err);
    library.free_list(to);
    library.close(curl);
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
