/* Pages of /metrics of the last week. */
#include "past.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/banned.h"

enum {
    HEAD_BYTES = 24,
    HAS_DICTIONARY = 1,
    RAW = -15,
    MEMORY_LEVEL = 8,
    MINUTE_MS = 60000,
    HOUR_MS = 3600000,
    PATH_BYTES = 4096,
    LOCK_MS = 200, /* the watch has waited already */
    FILES_MAX = 4096,
    FILE_BYTES_MAX = 1 << 30
};

struct alert_past {
    char *folder;
    int lock_fd;          /* -1: none could be made */
    int64_t put_ms, hour; /* of the last page */
    mw_buf before, plain; /* the last page of this hour's file; empty: none of this process */
    bool is_troubled;     /* and that was said */
};

mw_status alert_past_open(const char *folder, alert_past **ret_past, mw_error *err)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        mw_fail_errno(err, "make the folder", errno);
        return mw_at(err, "%s", folder);
    }
    int lock_fd;
    mw_error taken;
    if (mw_folder_take(folder, LOCK_MS, &lock_fd, &taken) != MW_OK) {
        mw_log_error(MW_LOG_WARN, "metrics are not kept for looking back", &taken);
        *ret_past = NULL;
        return MW_OK;
    }
    alert_past *past = calloc(1, sizeof *past);
    char *copy = strdup(folder);
    if (!past || !copy) {
        free(past);
        free(copy);
        if (lock_fd >= 0)
            close(lock_fd);
        return mw_fail_memory(err, "the past of the metrics");
    }
    past->folder = copy;
    past->lock_fd = lock_fd;
    mw_buf_init(&past->before, MW_LIMIT_ALERT_PAGE_BYTES);
    mw_buf_init(&past->plain, MW_LIMIT_ALERT_PAGE_BYTES);
    *ret_past = past;
    return MW_OK;
}

void alert_past_close(alert_past *past)
{
    if (!past)
        return;
    mw_buf_done(&past->before);
    mw_buf_done(&past->plain);
    free(past->folder);
    if (past->lock_fd >= 0)
        close(past->lock_fd);
    free(past);
}

/* ---- packing --------------------------------------------------------------------------------- */

/* What deflate can look back to. */
static mw_view dictionary_of(mw_view page)
{
    size_t size = page.size < 32768 ? page.size : 32768;
    return (mw_view){page.data + page.size - size, size};
}

static bool pack(mw_view page, mw_view dictionary, mw_buf *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)page.data, .avail_in = (uInt)page.size};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    if (dictionary.size > 0)
        deflateSetDictionary(&stream, (const Bytef *)dictionary.data, (uInt)dictionary.size);
    size_t room = deflateBound(&stream, (uLong)page.size);
    bool is_whole = mw_buf_reserve(out, room);
    if (is_whole) {
        stream.next_out = (Bytef *)out->data + out->size;
        stream.avail_out = (uInt)room;
        is_whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
        out->size += is_whole ? room - stream.avail_out : 0;
        out->data[out->size] = '\0';
    }
    deflateEnd(&stream);
    return is_whole;
}

static bool unpack(mw_view packed, mw_view dictionary, size_t plain_size, mw_buf *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.data, .avail_in = (uInt)packed.size};
    mw_buf_reset(out);
    if (!mw_buf_reserve(out, plain_size) || inflateInit2(&stream, RAW) != Z_OK)
        return false;
    if (dictionary.size > 0)
        inflateSetDictionary(&stream, (const Bytef *)dictionary.data, (uInt)dictionary.size);
    stream.next_out = (Bytef *)out->data;
    stream.avail_out = (uInt)plain_size;
    bool is_whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    out->size = is_whole ? plain_size : 0;
    out->data[out->size] = '\0';
    return is_whole;
}

static uint32_t sum_of(mw_view page)
{
    return (uint32_t)crc32(0, (const Bytef *)page.data, (uInt)page.size);
}

/* ---- out ------------------------------------------------------------------------------------- */

static void put_little(mw_buf *out, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++)
        mw_buf_char(out, (char)(value >> (8 * i)));
}

static bool make_record(const alert_past *past, int64_t now_ms, mw_view page, mw_buf *out)
{
    mw_buf packed;
    mw_view dictionary = dictionary_of(mw_buf_as_view(&past->before));
    mw_buf_init(&packed, 2 * MW_LIMIT_ALERT_PAGE_BYTES);
    bool is_whole = pack(page, dictionary, &packed);
    put_little(out, (uint64_t)now_ms, 8);
    put_little(out, page.size, 4);
    put_little(out, packed.size, 4);
    put_little(out, sum_of(page), 4);
    put_little(out, dictionary.size > 0 ? HAS_DICTIONARY : 0, 4);
    mw_buf_view(out, mw_buf_as_view(&packed));
    mw_buf_done(&packed);
    return is_whole && !out->failed;
}

/* One write: a reader sees all of it or an end that was cut short. */
static bool append(const alert_past *past, mw_view record)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%lld.pages", past->folder, (long long)past->hour);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0)
        return false;
    bool is_whole = write(file, record.data, record.size) == (ssize_t)record.size;
    return close(file) == 0 && is_whole;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int by_hour(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Hours of which there is a file, the oldest first. */
static size_t list_hours(const alert_past *past, int64_t hours[FILES_MAX])
{
    size_t n = 0;
    DIR *listing = opendir(past->folder);
    for (struct dirent *entry; listing && n < FILES_MAX && (entry = readdir(listing));) {
        uint64_t hour;
        mw_view name = mw_view_of(entry->d_name), stem = mw_view_cut(&name, '.');
        if (mw_view_is(name, "pages") && mw_whole_parse(stem, &hour) && hour < INT32_MAX)
            hours[n++] = (int64_t)hour;
    }
    if (listing)
        closedir(listing);
    if (n > 1)
        qsort(hours, n, sizeof *hours, by_hour);
    return n;
}

static void drop_old(const alert_past *past, int64_t now_hour)
{
    static const int64_t kept = MW_LIMIT_ALERT_PAST_HOURS;
    int64_t hours[FILES_MAX];
    size_t n = list_hours(past, hours), bytes = 0;
    while (n-- > 0) { /* the youngest first */
        char path[PATH_BYTES];
        struct stat about;
        snprintf(path, sizeof path, "%s/%lld.pages", past->folder, (long long)hours[n]);
        bytes += stat(path, &about) == 0 ? (size_t)about.st_size : 0;
        if (hours[n] < now_hour - kept || bytes > MW_LIMIT_ALERT_PAST_BYTES)
            (void)unlink(path);
    }
}

/* Lines that say what a family is take half of a page, and no rule reads them. */
static void strip(mw_view page, mw_buf *out)
{
    mw_buf_reset(out);
    while (page.size > 0) {
        mw_view line = mw_view_cut(&page, '\n');
        if (line.size > 0 && line.data[0] != '#') {
            mw_buf_view(out, line);
            mw_buf_char(out, '\n');
        }
    }
}

void alert_past_put(alert_past *past, int64_t now_ms, mw_view page)
{
    mw_buf record;
    int64_t hour = now_ms / HOUR_MS;
    if (now_ms - past->put_ms < MINUTE_MS && now_ms >= past->put_ms)
        return;
    past->put_ms = now_ms;
    if (hour != past->hour) {
        mw_buf_reset(&past->before);
        past->hour = hour;
        drop_old(past, hour);
    }
    strip(page, &past->plain);
    mw_buf_init(&record, 3 * MW_LIMIT_ALERT_PAGE_BYTES);
    bool is_kept = !past->plain.failed &&
                   make_record(past, now_ms, mw_buf_as_view(&past->plain), &record) &&
                   append(past, mw_buf_as_view(&record));
    mw_buf_reset(&past->before);
    if (is_kept)
        mw_buf_view(&past->before, mw_buf_as_view(&past->plain));
    if (!is_kept && !past->is_troubled)
        mw_log(MW_LOG_WARN, "the past of the metrics cannot be kept in %s", past->folder);
    past->is_troubled = !is_kept;
    mw_buf_done(&record);
}

/* ---- in -------------------------------------------------------------------------------------- */

typedef struct head {
    int64_t at_ms;
    size_t plain, packed;
    uint32_t sum, flags;
} head;

static bool read_head(mw_view *bytes, head *ret)
{
    if (bytes->size < HEAD_BYTES)
        return false;
    const char *at = bytes->data;
    *ret = (head){(int64_t)mw_protobuf_little(at, 8), (size_t)mw_protobuf_little(at + 8, 4),
                  (size_t)mw_protobuf_little(at + 12, 4), (uint32_t)mw_protobuf_little(at + 16, 4),
                  (uint32_t)mw_protobuf_little(at + 20, 4)};
    *bytes = (mw_view){at + HEAD_BYTES, bytes->size - HEAD_BYTES};
    return ret->packed <= bytes->size && ret->plain <= MW_LIMIT_ALERT_PAGE_BYTES &&
           ret->plain / 1100 <= ret->packed; /* deflate does no better */
}

mw_status alert_past_parse(mw_view bytes, int64_t from_ms, alert_past_see *see, void *user,
                           bool *ret_goes_on, mw_error *err)
{
    head h;
    mw_buf pages[2]; /* this one, and the one before */
    size_t turn = 0;
    *ret_goes_on = true;
    for (size_t i = 0; i < 2; i++)
        mw_buf_init(&pages[i], MW_LIMIT_ALERT_PAGE_BYTES);
    while (*ret_goes_on && read_head(&bytes, &h)) {
        mw_buf *page = &pages[turn % 2];
        mw_view before = mw_buf_as_view(&pages[(turn + 1) % 2]);
        mw_view dictionary = h.flags & HAS_DICTIONARY ? dictionary_of(before) : (mw_view){NULL, 0};
        bool is_whole = unpack((mw_view){bytes.data, h.packed}, dictionary, h.plain, page) &&
                        sum_of(mw_buf_as_view(page)) == h.sum;
        bytes = (mw_view){bytes.data + h.packed, bytes.size - h.packed};
        if (is_whole && h.at_ms >= from_ms)
            *ret_goes_on = see(user, h.at_ms, mw_buf_as_view(page));
        turn += is_whole;
    }
    bool has_failed = pages[0].failed || pages[1].failed;
    for (size_t i = 0; i < 2; i++)
        mw_buf_done(&pages[i]);
    return has_failed ? mw_fail_memory(err, "the past of the metrics") : MW_OK;
}

mw_status alert_past_read(const alert_past *past, int64_t from_ms, alert_past_see *see, void *user,
                          mw_error *err)
{
    int64_t hours[FILES_MAX];
    bool goes_on = true;
    size_t n = list_hours(past, hours);
    for (size_t i = 0; i < n && goes_on; i++) {
        char path[PATH_BYTES];
        mw_file file;
        if (hours[i] < from_ms / HOUR_MS)
            continue;
        snprintf(path, sizeof path, "%s/%lld.pages", past->folder, (long long)hours[i]);
        if (mw_file_read(path, FILE_BYTES_MAX, &file, err) != MW_OK)
            continue; /* dropped meanwhile */
        mw_status status =
            alert_past_parse((mw_view){file.data, file.size}, from_ms, see, user, &goes_on, err);
        mw_file_done(&file);
        MW_TRY(status);
    }
    return MW_OK;
}
