/* Reading a log: which segments, which blocks, which rows. */
#include "checksum.h"
#include "scan.h"
#include "stream.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/banned.h"

typedef struct reading {
    const char *folder;
    const mw_log_query *query;
    mw_view id;  /* of the request that is asked for */
    int64_t row; /* of it; -1: all */
    bool (*see)(void *user, const mw_log_row *row);
    void *user;
    mw_log_totals totals;
    uint32_t *numbers;
    size_t n_numbers, first; /* begin at this segment, */
    uint64_t first_offset;   /* and in it here */
    bool is_over;
} reading;

/* ---- what is asked for ----------------------------------------------------------------------- */

static mw_status read_id(reading *r, mw_error *err)
{
    mw_view id = r->query->id;
    const char *mark = id.size ? memrchr(id.data, '#', id.size) : NULL;
    uint64_t row = 0;
    r->id = id;
    r->row = -1;
    if (!mark)
        return MW_OK;
    mw_view digits = {mark + 1, (size_t)(id.data + id.size - mark - 1)};
    r->id.size = (size_t)(mark - id.data);
    if (mw_whole_parse(digits, &row) && row <= UINT32_MAX && r->id.size > 0) {
        r->row = (int64_t)row;
        return MW_OK;
    }
    mw_fail(err, MW_E_JOURNAL_FILTER, "'%.*s' is no id of a prediction", MW_VIEW_ARG(id));
    return mw_mend(err, "write the request's id, or that and a row: 0193a0...#4");
}

static bool wants_time(const mw_log_query *query, int64_t first_ms, int64_t last_ms)
{
    return (!query->from_ms || last_ms >= query->from_ms) &&
           (!query->to_ms || first_ms < query->to_ms);
}

static bool wants_shape(const mw_log_query *query, const mw_log_shape *shape)
{
    return (query->endpoint.size == 0 || mw_view_equal(query->endpoint, shape->endpoint)) &&
           (query->version == 0 || query->version == shape->version);
}

static bool wants_block(const reading *r, const journal_block *block, const mw_log_shape *shape)
{
    return block->kind == JOURNAL_ROWS && shape && wants_shape(r->query, shape) &&
           wants_time(r->query, block->first_ms, block->last_ms);
}

/* Whether the segment may hold what is asked for, as far as its index tells. */
static bool wants_segment(const reading *r, uint32_t number)
{
    char path[JOURNAL_PATH_BYTES];
    journal_index_head head;
    uint32_t offsets[JOURNAL_SAME_MAX];
    journal_segment_path(r->folder, "predictions", number, ".idx", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool may =
        fd < 0 || !journal_index_read_head(fd, &head) ||
        (wants_time(r->query, head.first_ms, head.last_ms) &&
         (r->id.size == 0 || journal_index_file_find(fd, &head, journal_hash(r->id), offsets) > 0));
    if (fd >= 0)
        close(fd);
    return may;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void see_record(reading *r, journal_scan *scan, const mw_log_shape *shape,
                       const journal_record *record)
{
    double *room = journal_scan_room(scan, shape);
    bool fits = room && wants_time(r->query, record->time_ms, record->time_ms) &&
                (r->id.size == 0 || mw_view_equal(r->id, record->id));
    for (uint32_t i = 0; fits && i < record->n_rows && !r->is_over; i++) {
        uint32_t number = record->first_row + i;
        if (r->row >= 0 && (uint64_t)r->row != number)
            continue;
        journal_record_row(record, shape, i, room, room + shape->n_columns);
        double *outputs = room + shape->n_columns;
        const mw_log_row row = {
            shape,
            record->time_ms,
            record->id,
            number,
            room,
            outputs,
            journal_record_contributions(record, shape, i, outputs + shape->n_outputs)};
        r->totals.rows++;
        r->is_over = !r->see(r->user, &row);
    }
}

static void see_block(reading *r, journal_scan *scan, const journal_block *block)
{
    mw_view raw;
    journal_record record;
    const mw_log_shape *shape = journal_scan_shape(scan, block);
    if (!journal_reader_load(&scan->reader, block, &raw))
        return;
    while (!r->is_over && journal_record_next(&raw, shape, &record))
        see_record(r, scan, shape, &record);
    if (raw.size > 0 && !r->is_over)
        scan->reader.damage.blocks++; /* its checksum is right, and yet it is none of ours */
}

/* ---- segments -------------------------------------------------------------------------------- */

static void note_block(mw_log_totals *totals, const journal_block *block)
{
    totals->first_ms = !totals->first_ms || block->first_ms < totals->first_ms ? block->first_ms
                                                                               : totals->first_ms;
    totals->last_ms = block->last_ms > totals->last_ms ? block->last_ms : totals->last_ms;
    totals->blocks++;
    totals->raw_bytes += block->raw_bytes;
}

/* A segment that retention took away meanwhile is not missed; one that is none is counted. */
static mw_status open_segment(reading *r, uint32_t number, journal_scan *scan, bool *ret_open,
                              mw_error *err)
{
    char path[JOURNAL_PATH_BYTES];
    journal_segment_path(r->folder, "predictions", number, ".log", path);
    mw_status status = journal_scan_open(scan, path, err);
    *ret_open = status == MW_OK;
    if (status == MW_BAD_DATA)
        r->totals.damaged_blocks++;
    if (status == MW_NOT_FOUND || status == MW_BAD_DATA)
        return MW_OK;
    return status == MW_OK ? MW_OK : mw_at(err, "%s", path);
}

static void note_segment(reading *r, const journal_scan *scan)
{
    r->totals.segments++;
    r->totals.bytes += scan->reader.size;
    r->totals.damaged_blocks += scan->reader.damage.blocks;
    r->totals.damaged_bytes += scan->reader.damage.bytes;
    r->totals.torn_bytes += scan->reader.damage.torn_bytes;
}

static mw_status read_segment(reading *r, size_t i, mw_error *err)
{
    journal_scan scan;
    journal_block block;
    bool is_open;
    if (!wants_segment(r, r->numbers[i]))
        return MW_OK;
    mw_status status = open_segment(r, r->numbers[i], &scan, &is_open, err);
    while (is_open && !r->is_over && journal_scan_next(&scan, &block)) {
        if (i == r->first && block.offset < r->first_offset)
            continue;
        if (!wants_block(r, &block, journal_scan_shape(&scan, &block)))
            continue;
        note_block(&r->totals, &block);
        see_block(r, &scan, &block);
    }
    if (is_open)
        note_segment(r, &scan);
    journal_scan_close(&scan);
    return status;
}

/* Where the last rows begin: heads alone, from the newest segment back. */
static mw_status find_last(reading *r, mw_error *err)
{
    uint64_t left = r->query->last;
    for (size_t i = r->n_numbers; i-- > 0;) {
        journal_scan scan;
        journal_block block;
        bool is_open;
        uint64_t n = 0, passed = 0;
        MW_TRY(open_segment(r, r->numbers[i], &scan, &is_open, err));
        while (is_open && journal_scan_next(&scan, &block))
            if (wants_block(r, &block, journal_scan_shape(&scan, &block)))
                n += block.n_rows;
        if (is_open && n >= left) {
            scan.reader.offset = JOURNAL_FILE_HEAD_BYTES;
            while (journal_scan_next(&scan, &block)) {
                if (!wants_block(r, &block, journal_scan_shape(&scan, &block)))
                    continue;
                passed += block.n_rows;
                if (n - passed < left) {
                    r->first_offset = block.offset;
                    break;
                }
            }
        }
        journal_scan_close(&scan);
        r->first = i;
        if (n >= left)
            return MW_OK;
        left -= n;
    }
    return MW_OK;
}

static mw_status begin(reading *r, mw_error *err)
{
    MW_TRY(read_id(r, err));
    MW_TRY(journal_segments_list(r->folder, "predictions", &r->numbers, &r->n_numbers, err));
    return MW_OK;
}

mw_status mw_log_read(const char *folder, const mw_log_query *query,
                      bool (*see)(void *user, const mw_log_row *row), void *user,
                      mw_log_totals *ret_totals, mw_error *err)
{
    reading r = {.folder = folder, .query = query, .see = see, .user = user};
    mw_status status = begin(&r, err);
    if (status == MW_OK && query->last > 0 && r.id.size == 0)
        status = find_last(&r, err);
    for (size_t i = r.first; status == MW_OK && i < r.n_numbers && !r.is_over; i++)
        status = read_segment(&r, i, err);
    free(r.numbers);
    if (status == MW_OK && ret_totals)
        *ret_totals = r.totals;
    return status;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static bool is_same(const mw_log_shape *a, const mw_log_shape *b)
{
    bool same = mw_view_equal(a->endpoint, b->endpoint) && a->version == b->version &&
                a->model == b->model && a->n_columns == b->n_columns &&
                a->n_outputs == b->n_outputs && a->explains == b->explains;
    for (size_t c = 0; same && c < a->n_columns; c++)
        same = mw_view_equal(a->columns[c].name, b->columns[c].name) &&
               a->columns[c].treatment == b->columns[c].treatment;
    return same;
}

typedef struct known_shapes {
    mw_arena arena;
    mw_log_shape **shapes;
    size_t n, capacity;
} known_shapes;

/* A copy that outlives the scan, by way of bytes. */
static mw_status remember(known_shapes *known, const mw_log_shape *shape, bool *ret_new,
                          mw_error *err)
{
    mw_buf bytes;
    for (size_t i = 0; i < known->n; i++)
        if (is_same(known->shapes[i], shape))
            return MW_OK;
    if (known->n == known->capacity) {
        size_t wanted = known->capacity ? 2 * known->capacity : 16;
        mw_log_shape **grown = realloc(known->shapes, wanted * sizeof *grown);
        if (!grown)
            return mw_fail_memory(err, "what rows look like");
        known->shapes = grown;
        known->capacity = wanted;
    }
    mw_log_shape *copy = mw_arena_take_zeroed(&known->arena, 1, sizeof *copy);
    mw_buf_init(&bytes, MW_LIMIT_LOG_BLOCK_BYTES);
    journal_shape_write(shape, &bytes);
    mw_status status = copy && !bytes.failed
                           ? journal_shape_read(mw_buf_as_view(&bytes), &known->arena, copy, err)
                           : mw_fail_memory(err, "what rows look like");
    mw_buf_done(&bytes);
    MW_TRY(status);
    known->shapes[known->n++] = copy;
    *ret_new = true;
    return MW_OK;
}

static mw_status gather(reading *r, size_t i, known_shapes *known, mw_error *err)
{
    journal_scan scan;
    journal_block block;
    bool is_open;
    mw_status status = open_segment(r, r->numbers[i], &scan, &is_open, err);
    while (is_open && status == MW_OK && journal_scan_next(&scan, &block)) {
        bool is_new = false;
        const mw_log_shape *shape = journal_scan_shape(&scan, &block);
        if (!wants_block(r, &block, shape))
            continue;
        note_block(&r->totals, &block);
        r->totals.rows += block.n_rows;
        status = remember(known, shape, &is_new, err);
    }
    if (is_open)
        note_segment(r, &scan);
    journal_scan_close(&scan);
    return status;
}

mw_status mw_log_shapes(const char *folder, const mw_log_query *query,
                        void (*see)(void *user, const mw_log_shape *shape), void *user,
                        mw_log_totals *ret_totals, mw_error *err)
{
    reading r = {.folder = folder, .query = query};
    known_shapes known = {.n = 0};
    mw_arena_init(&known.arena, 64 * MW_KIB, MW_LIMIT_STUDY_BYTES);
    mw_status status = begin(&r, err);
    for (size_t i = 0; status == MW_OK && i < r.n_numbers; i++)
        if (wants_segment(&r, r.numbers[i]))
            status = gather(&r, i, &known, err);
    for (size_t i = 0; status == MW_OK && see && i < known.n; i++)
        see(user, known.shapes[i]);
    free(known.shapes);
    mw_arena_done(&known.arena);
    free(r.numbers);
    if (status == MW_OK && ret_totals)
        *ret_totals = r.totals;
    return status;
}
