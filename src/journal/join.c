/* See join.h. */
#include "join.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "checksum.h"
#include "fairness_books.h"
#include "scan.h"

#include "base/banned.h"

enum { FIRST_ITEMS = 1024 };

/* A label that looks for its prediction. */
typedef struct pending {
    const journal_label *label;
    uint64_t id_hash, key;
    bool is_found, is_misfit;
    journal_observation found;
} pending;

typedef struct hit {
    uint32_t offset; /* of a block that may hold it */
    uint32_t which;  /* pending */
    uint64_t id_hash;
} hit;

/* ---- life ------------------------------------------------------------------------------------ */

void journal_joiner_init(journal_joiner *joiner, const char *folder, char *slices, size_t n_max)
{
    *joiner = (journal_joiner){.folder = folder, .n_max = n_max};
    for (size_t i = 0; slices && *slices && i < JOURNAL_SLICES_MAX; i++) {
        char *end = strchrnul(slices, ',');
        bool is_last = *end == '\0';
        *end = '\0';
        joiner->slice_names[i] = slices;
        slices = is_last ? end : end + 1;
    }
}

void journal_joiner_done(journal_joiner *joiner)
{
    for (size_t i = 0; i < joiner->n_groups; i++) {
        journal_losses_done(&joiner->groups[i]->losses);
        mw_arena_done(&joiner->groups[i]->arena);
        free(joiner->groups[i]);
    }
    for (size_t i = 0; i < joiner->n_waiting; i++)
        free(joiner->waiting[i].texts);
    for (size_t i = 0; i < joiner->n; i++)
        free(joiner->items[i].shares);
    free(joiner->groups);
    free(joiner->waiting);
    free(joiner->waiting_slots);
    free(joiner->items);
    free(joiner->slots);
}

static uint64_t key_of(const journal_label *label, uint64_t id_hash)
{
    uint64_t parts[3] = {id_hash, label->row, journal_hash(label->endpoint)};
    return journal_hash((mw_view){(const char *)parts, sizeof parts});
}

/* ---- what is known --------------------------------------------------------------------------- */

static uint32_t *slot_of(const journal_joiner *joiner, uint64_t key)
{
    size_t at = key & (joiner->n_slots - 1);
    while (joiner->slots[at] && joiner->items[joiner->slots[at] - 1].key != key)
        at = (at + 1) & (joiner->n_slots - 1);
    return &joiner->slots[at];
}

static journal_observation *find_known(const journal_joiner *joiner, uint64_t key)
{
    uint32_t place = joiner->n_slots ? *slot_of(joiner, key) : 0;
    return place ? &joiner->items[place - 1] : NULL;
}

static void fill_slots(journal_joiner *joiner)
{
    memset(joiner->slots, 0, joiner->n_slots * sizeof *joiner->slots);
    for (size_t i = 0; i < joiner->n; i++)
        *slot_of(joiner, joiner->items[i].key) = (uint32_t)i + 1;
}

/* The older half goes when there are too many. */
static mw_status make_room(journal_joiner *joiner, mw_error *err)
{
    if (joiner->n < joiner->capacity)
        return MW_OK;
    if (joiner->n >= joiner->n_max) {
        for (size_t i = 0; i < joiner->n_max / 2; i++) {
            joiner->n_untold -= !joiner->items[i].is_told;
            free(joiner->items[i].shares);
        }
        joiner->n -= joiner->n_max / 2;
        memmove(joiner->items, joiner->items + joiner->n_max / 2,
                joiner->n * sizeof *joiner->items);
        fill_slots(joiner);
        return MW_OK;
    }
    size_t wanted = joiner->capacity ? 2 * joiner->capacity : FIRST_ITEMS;
    journal_observation *items = realloc(joiner->items, wanted * sizeof *items);
    if (!items)
        return mw_fail_memory(err, "predictions and their labels");
    joiner->items = items;
    uint32_t *slots = calloc(2 * wanted, sizeof *slots);
    if (!slots)
        return mw_fail_memory(err, "predictions and their labels");
    free(joiner->slots);
    joiner->slots = slots;
    joiner->capacity = wanted;
    joiner->n_slots = 2 * wanted;
    fill_slots(joiner);
    return MW_OK;
}

static void untell(journal_joiner *joiner, journal_observation *item)
{
    joiner->n_untold += item->is_told;
    item->is_told = false;
}

static mw_status add_known(journal_joiner *joiner, const journal_observation *item, mw_error *err)
{
    MW_TRY(make_room(joiner, err));
    joiner->items[joiner->n++] = *item;
    joiner->n_untold += !item->is_told;
    *slot_of(joiner, item->key) = (uint32_t)joiner->n;
    journal_group *group = joiner->groups[item->group];
    journal_losses_add(&group->losses, &group->shape, item);
    return MW_OK;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static mw_status copy_shape(const mw_log_shape *shape, mw_arena *arena, mw_log_shape *ret,
                            mw_error *err)
{
    mw_buf bytes;
    mw_buf_init(&bytes, MW_LIMIT_LOG_BLOCK_BYTES);
    journal_shape_write(shape, &bytes);
    mw_status status = bytes.failed ? mw_fail_memory(err, "what rows look like")
                                    : journal_shape_read(mw_buf_as_view(&bytes), arena, ret, err);
    mw_buf_done(&bytes);
    return status;
}

static mw_status add_group(journal_joiner *joiner, const mw_log_shape *shape, mw_error *err)
{
    journal_group **grown = realloc(joiner->groups, (joiner->n_groups + 1) * sizeof *grown);
    journal_group *group = grown ? calloc(1, sizeof *group) : NULL;
    joiner->groups = grown ? grown : joiner->groups;
    if (!group || joiner->n_groups == JOURNAL_GROUPS_MAX) {
        free(group);
        return mw_fail_memory(err, "versions with feedback");
    }
    mw_arena_init(&group->arena, 16 * MW_KIB, 64 * MW_MIB);
    mw_status status = copy_shape(shape, &group->arena, &group->shape, err);
    if (status != MW_OK) {
        mw_arena_done(&group->arena);
        free(group);
        return status;
    }
    for (size_t s = 0; s < JOURNAL_SLICES_MAX; s++) {
        group->slices[s] = -1;
        for (size_t c = 0; joiner->slice_names[s] && c < group->shape.n_columns; c++)
            if (mw_view_is(group->shape.columns[c].name, joiner->slice_names[s]))
                group->slices[s] = (ptrdiff_t)c;
    }
    joiner->groups[joiner->n_groups++] = group;
    return MW_OK;
}

static mw_status group_of(journal_joiner *joiner, const mw_log_shape *shape, uint32_t *ret_group,
                          mw_error *err)
{
    for (size_t i = joiner->n_groups; i-- > 0;) {
        const mw_log_shape *known = &joiner->groups[i]->shape;
        if (known->version == shape->version && known->model == shape->model &&
            mw_view_equal(known->endpoint, shape->endpoint)) {
            *ret_group = (uint32_t)i;
            return MW_OK;
        }
    }
    MW_TRY(add_group(joiner, shape, err));
    *ret_group = (uint32_t)joiner->n_groups - 1;
    return MW_OK;
}

/* ---- a prediction and its label -------------------------------------------------------------- */

/* The class that a label names, or -1. */
static ptrdiff_t class_of(const mw_log_shape *shape, const journal_label *label)
{
    double number;
    for (size_t i = 0; shape->classes && i < shape->n_classes; i++) {
        mw_view name = shape->classes[i];
        if (label->is_text
                ? mw_view_equal(name, label->text)
                : mw_number_parse(name.data, name.size, &number) && number == label->number)
            return (ptrdiff_t)i;
    }
    size_t n = shape->n_classes ? shape->n_classes : 2;
    bool is_number = !label->is_text && label->number >= 0 && label->number < (double)n &&
                     floor(label->number) == label->number;
    return is_number ? (ptrdiff_t)label->number : -1;
}

static bool keep_shares(const mw_log_shape *shape, const double *outputs, journal_observation *ret)
{
    size_t best = 0;
    ret->shares = malloc(shape->n_outputs * sizeof *ret->shares);
    for (size_t i = 0; ret->shares && i < shape->n_outputs; i++) {
        ret->shares[i] = outputs[i];
        best = outputs[i] > outputs[best] ? i : best;
    }
    ret->score = (double)best;
    return ret->shares;
}

/* False: the label is none of this model's. */
static bool judge(const mw_log_shape *shape, const double *outputs, const journal_label *label,
                  journal_observation *ret)
{
    if (shape->answer == MW_LOG_NUMBER) {
        ret->label = label->number;
        ret->score = shape->n_outputs ? outputs[0] : (double)NAN;
        return !label->is_text && shape->n_outputs == 1 && isfinite(ret->score);
    }
    ptrdiff_t truth = class_of(shape, label);
    if (truth < 0 || isnan(outputs[0]))
        return false;
    ret->label = (double)truth;
    ret->score = outputs[shape->n_outputs == 2];
    return shape->n_outputs <= 2 || keep_shares(shape, outputs, ret);
}

/* For journal_first_numbers. Twice the room: some are found that are not taken. */
static void keep_inputs(journal_group *group, const double *inputs, journal_observation *item)
{
    const mw_log_shape *shape = &group->shape;
    if (group->n_kept >= 2 * journal_truth_room(shape) || shape->n_columns == 0)
        return;
    item->shares = malloc(shape->n_columns * sizeof *item->shares);
    group->n_kept += item->shares != NULL;
    for (size_t c = 0; item->shares && c < shape->n_columns; c++)
        item->shares[c] = shape->columns[c].treatment == MW_LOG_KEPT ? inputs[c] : (double)NAN;
}

/* inputs NULL: the row is not at hand, and only what feedback tells is known. */
static void tell_groups(const journal_joiner *joiner, const mw_log_shape *shape,
                        const double *inputs, mw_view told, journal_observation *item)
{
    if (!joiner->fair)
        return;
    pthread_mutex_lock(&joiner->fair->lock);
    fair_book *book = fair_book_of(joiner->fair, shape->endpoint);
    for (size_t a = 0; book && a < book->plan.n_attributes; a++) {
        uint8_t group = fair_group_of(book, a, shape, inputs, told, NULL);
        item->groups[a] = group == FAIR_NO_GROUP && !inputs ? item->groups[a] : group;
    }
    joiner->fair->is_stale = true;
    pthread_mutex_unlock(&joiner->fair->lock);
}

static mw_status take_row(journal_joiner *joiner, journal_scan *scan, const mw_log_shape *shape,
                          const journal_record *record, pending *p, mw_error *err)
{
    double *room = journal_scan_room(scan, shape);
    journal_observation *found = &p->found;
    free(found->shares); /* an earlier prediction of the same id */
    if (!room || shape->n_outputs == 0)
        return room ? MW_OK : mw_fail_memory(err, "a row");
    journal_record_row(record, shape, p->label->row - record->first_row, room,
                       room + shape->n_columns);
    *found = (journal_observation){
        .key = p->key, .made_ms = record->time_ms, .told_ms = p->label->told_ms};
    MW_TRY(group_of(joiner, shape, &found->group, err));
    p->is_found = true;
    p->is_misfit = !judge(shape, room + shape->n_columns, p->label, found);
    if (joiner->keeps_rows && shape->answer == MW_LOG_NUMBER && !p->is_misfit)
        keep_inputs(joiner->groups[found->group], room, found);
    for (size_t s = 0; s < JOURNAL_SLICES_MAX; s++) {
        ptrdiff_t column = joiner->groups[found->group]->slices[s];
        found->slices[s] = column >= 0 ? (float)room[column] : (float)NAN;
    }
    memset(found->groups, FAIR_NO_GROUP, sizeof found->groups);
    tell_groups(joiner, shape, room, p->label->groups, found);
    return MW_OK;
}

/* ---- looking for it -------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const hit *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (x->id_hash > y->id_hash) - (x->id_hash < y->id_hash);
}

/* The first of those hits whose hash is not below. */
static size_t first_of(const hit *hits, size_t n, uint64_t id_hash)
{
    size_t low = 0;
    for (size_t high = n; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (hits[middle].id_hash < id_hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static mw_status search_block(journal_joiner *joiner, journal_scan *scan,
                              const journal_block *block, const hit *hits, size_t n,
                              pending *pendings, mw_error *err)
{
    mw_view raw;
    journal_record record;
    const mw_log_shape *shape = journal_scan_shape(scan, block);
    if (!shape || !journal_reader_load(&scan->reader, block, &raw))
        return MW_OK;
    while (journal_record_next(&raw, shape, &record)) {
        uint64_t hash = journal_hash(record.id);
        for (size_t i = first_of(hits, n, hash); i < n && hits[i].id_hash == hash; i++) {
            pending *p = &pendings[hits[i].which];
            uint32_t row = p->label->row;
            bool is_it = mw_view_equal(p->label->id, record.id) && row >= record.first_row &&
                         row - record.first_row < record.n_rows &&
                         mw_view_equal(p->label->endpoint, shape->endpoint);
            if (is_it)
                MW_TRY(take_row(joiner, scan, shape, &record, p, err));
        }
    }
    return MW_OK;
}

static mw_status search_segment(journal_joiner *joiner, uint32_t number, hit *hits, size_t n,
                                pending *pendings, mw_error *err)
{
    char path[JOURNAL_PATH_BYTES];
    journal_scan scan;
    journal_block block;
    journal_segment_path(joiner->folder, "predictions", number, ".log", path);
    qsort(hits, n, sizeof *hits, by_place);
    mw_status status = journal_scan_open(&scan, path, err);
    bool is_gone =
        status != MW_OK; /* retention took it, or it is damaged: nothing is found there */
    status = MW_OK;
    for (size_t i = 0; !is_gone && status == MW_OK && i < n && journal_scan_next(&scan, &block);) {
        size_t end = i;
        while (end < n && hits[end].offset < block.offset)
            end = ++i; /* its block is damaged */
        while (end < n && hits[end].offset == block.offset)
            end++;
        if (end > i)
            status = search_block(joiner, &scan, &block, hits + i, end - i, pendings, err);
        i = end;
    }
    journal_scan_close(&scan);
    return status;
}

typedef struct hits {
    hit *items;
    size_t n, capacity;
} hits;

static bool add_hits(hits *h, const uint32_t *offsets, size_t n, uint32_t which, uint64_t id_hash)
{
    if (h->n + n > h->capacity) {
        size_t wanted = 2 * (h->n + n) + 64;
        hit *grown = realloc(h->items, wanted * sizeof *grown);
        if (!grown)
            return false;
        h->items = grown;
        h->capacity = wanted;
    }
    for (size_t i = 0; i < n; i++)
        h->items[h->n++] = (hit){offsets[i], which, id_hash};
    return true;
}

/* The index of a segment that nobody closed: made here, for this time only. */
static bool make_index(const char *folder, uint32_t number, journal_index *ret)
{
    char path[JOURNAL_PATH_BYTES];
    journal_scan scan;
    journal_block block;
    mw_view raw, id;
    mw_error err;
    journal_segment_path(folder, "predictions", number, ".log", path);
    bool opened = journal_scan_open(&scan, path, &err) == MW_OK;
    while (opened && journal_scan_next(&scan, &block))
        if (journal_reader_load(&scan.reader, &block, &raw))
            while (journal_next_id(&raw, &id))
                (void)journal_index_add(ret, journal_hash(id), (uint32_t)block.offset);
    journal_scan_close(&scan);
    return opened;
}

static mw_status look_in(const journal_joiner *joiner, journal_stream *stream, uint32_t number,
                         pending *pendings, size_t n, hits *h, mw_error *err)
{
    char path[JOURNAL_PATH_BYTES];
    journal_index made = {0};
    journal_index_head head;
    uint32_t offsets[JOURNAL_SAME_MAX];
    bool has_memory = true;
    journal_segment_path(joiner->folder, "predictions", number, ".idx", path);
    if (stream)
        pthread_mutex_lock(&stream->lock);
    bool is_open = stream && stream->fd >= 0 && stream->number == number;
    for (size_t i = 0; is_open && i < n && has_memory; i++) {
        if (pendings[i].is_found)
            continue;
        size_t found = journal_index_find(&stream->index, pendings[i].id_hash, offsets);
        has_memory = add_hits(h, offsets, found, (uint32_t)i, pendings[i].id_hash);
    }
    if (stream)
        pthread_mutex_unlock(&stream->lock);
    if (is_open)
        return has_memory ? MW_OK : mw_fail_memory(err, "labels that look for predictions");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool has_file = fd >= 0 && journal_index_read_head(fd, &head);
    if (!has_file)
        (void)make_index(joiner->folder, number, &made);
    for (size_t i = 0; i < n && has_memory; i++) {
        if (pendings[i].is_found)
            continue;
        size_t found = has_file ? journal_index_file_find(fd, &head, pendings[i].id_hash, offsets)
                                : journal_index_find(&made, pendings[i].id_hash, offsets);
        has_memory = add_hits(h, offsets, found, (uint32_t)i, pendings[i].id_hash);
    }
    journal_index_done(&made);
    if (fd >= 0)
        close(fd);
    return has_memory ? MW_OK : mw_fail_memory(err, "labels that look for predictions");
}

/* The newest segment first: of two predictions with one id, a label is about the later one. */
static mw_status find_all(journal_joiner *joiner, journal_stream *stream, uint32_t from_segment,
                          pending *pendings, size_t n, mw_error *err)
{
    uint32_t *numbers = NULL;
    size_t n_numbers = 0, n_found = 0;
    hits h = {0};
    mw_status status =
        journal_segments_list(joiner->folder, "predictions", &numbers, &n_numbers, err);
    for (size_t s = n_numbers; status == MW_OK && s-- > 0 && numbers[s] >= from_segment;) {
        h.n = 0;
        status = look_in(joiner, stream, numbers[s], pendings, n, &h, err);
        if (status == MW_OK && h.n > 0)
            status = search_segment(joiner, numbers[s], h.items, h.n, pendings, err);
        n_found = 0;
        for (size_t i = 0; i < n; i++)
            n_found += pendings[i].is_found;
        if (n_found == n)
            break;
    }
    free(h.items);
    free(numbers);
    return status;
}

/* ---- labels that wait ------------------------------------------------------------------------ */

static void forget_waiting(journal_joiner *joiner, size_t i)
{
    joiner->n_unpassed -= !joiner->waiting[i].is_passed_on;
    free(joiner->waiting[i].texts);
    joiner->waiting[i] = joiner->waiting[--joiner->n_waiting];
    joiner->is_waiting_stale = true;
}

/* The slot of this key, or the free one where it belongs. */
static uint32_t *waiting_slot(const journal_joiner *joiner, uint64_t key)
{
    size_t n = 2 * joiner->waiting_capacity, at = key & (n - 1);
    while (joiner->waiting_slots[at] && joiner->waiting[joiner->waiting_slots[at] - 1].key != key)
        at = (at + 1) & (n - 1);
    return &joiner->waiting_slots[at];
}

static journal_waiting *find_waiting(journal_joiner *joiner, uint64_t key)
{
    if (joiner->n_waiting == 0)
        return NULL;
    if (joiner->is_waiting_stale) {
        memset(joiner->waiting_slots, 0,
               2 * joiner->waiting_capacity * sizeof *joiner->waiting_slots);
        for (size_t i = 0; i < joiner->n_waiting; i++)
            *waiting_slot(joiner, joiner->waiting[i].key) = (uint32_t)i + 1;
        joiner->is_waiting_stale = false;
    }
    uint32_t place = *waiting_slot(joiner, key);
    return place ? &joiner->waiting[place - 1] : NULL;
}

/* With texts of its own. */
static mw_status keep_label(journal_waiting *w, const journal_label *label, mw_error *err)
{
    size_t text = label->is_text ? label->text.size : 0;
    char *texts = malloc(label->id.size + label->endpoint.size + label->groups.size + text + 1),
         *at = texts;
    if (!texts)
        return mw_fail_memory(err, "labels that wait");
    free(w->texts);
    w->texts = texts;
    w->label = *label;
    memcpy(at, label->id.data, label->id.size);
    w->label.id.data = at;
    at += label->id.size;
    memcpy(at, label->endpoint.data, label->endpoint.size);
    w->label.endpoint.data = at;
    at += label->endpoint.size;
    if (label->groups.size > 0)
        memcpy(at, label->groups.data, label->groups.size);
    w->label.groups.data = at;
    at += label->groups.size;
    if (text > 0)
        memcpy(at, label->text.data, text);
    w->label.text = (mw_view){at, text};
    return MW_OK;
}

/* Room for one more; of too many the oldest quarter goes, for good. */
static mw_status make_waiting_room(journal_joiner *joiner, mw_error *err)
{
    if (joiner->n_waiting >= MW_LIMIT_WAITING_LABELS) {
        size_t n = joiner->n_waiting / 4;
        for (size_t i = 0; i < n; i++) {
            joiner->n_unpassed -= !joiner->waiting[i].is_passed_on;
            free(joiner->waiting[i].texts);
        }
        joiner->n_waiting -= n;
        joiner->counts.unknown += n;
        memmove(joiner->waiting, joiner->waiting + n, joiner->n_waiting * sizeof *joiner->waiting);
        joiner->is_waiting_stale = true;
    }
    if (joiner->n_waiting < joiner->waiting_capacity)
        return MW_OK;
    size_t wanted = joiner->waiting_capacity ? 2 * joiner->waiting_capacity : 64;
    journal_waiting *grown = realloc(joiner->waiting, wanted * sizeof *grown);
    if (!grown)
        return mw_fail_memory(err, "labels that wait");
    joiner->waiting = grown;
    uint32_t *slots = realloc(joiner->waiting_slots, 2 * wanted * sizeof *slots);
    if (!slots)
        return mw_fail_memory(err, "labels that wait");
    joiner->waiting_slots = slots;
    joiner->waiting_capacity = wanted;
    joiner->is_waiting_stale = true;
    return MW_OK;
}

static mw_status wait_for(journal_joiner *joiner, const pending *p, mw_error *err)
{
    journal_waiting w = {.id_hash = p->id_hash, .key = p->key, .since_ms = mw_clock_wall_ms()};
    MW_TRY(make_waiting_room(joiner, err));
    MW_TRY(keep_label(&w, p->label, err));
    joiner->waiting[joiner->n_waiting++] = w;
    joiner->n_unpassed++;
    if (!joiner->is_waiting_stale)
        *waiting_slot(joiner, p->key) = (uint32_t)joiner->n_waiting;
    return MW_OK;
}

static bool is_same_label(const journal_label *a, const journal_label *b)
{
    return a->is_text == b->is_text &&
           (a->is_text ? mw_view_equal(a->text, b->text) : a->number == b->number);
}

/* A label that waits already: the same, or another for the same prediction, which then waits in its
 * place. */
static bool is_waiting(journal_joiner *joiner, const pending *p, mw_feedback_counts *added)
{
    mw_error err;
    journal_waiting *w = find_waiting(joiner, p->key);
    if (!w)
        return false;
    bool is_same = is_same_label(&w->label, p->label);
    added->duplicates += is_same;
    added->replaced += !is_same;
    joiner->n_unpassed += !is_same && w->is_passed_on;
    w->is_passed_on = is_same && w->is_passed_on;
    return is_same || keep_label(w, p->label, &err) == MW_OK;
}

mw_status journal_join_waiting(journal_joiner *joiner, journal_stream *stream,
                               uint32_t from_segment, mw_error *err)
{
    int64_t now = mw_clock_wall_ms();
    size_t n = joiner->n_waiting;
    if (n == 0)
        return MW_OK;
    pending *pendings = calloc(n, sizeof *pendings);
    if (!pendings)
        return mw_fail_memory(err, "labels that look for predictions");
    for (size_t i = 0; i < n; i++)
        pendings[i] = (pending){.label = &joiner->waiting[i].label,
                                .id_hash = joiner->waiting[i].id_hash,
                                .key = joiner->waiting[i].key};
    mw_status status = find_all(joiner, stream, from_segment, pendings, n, err);
    for (size_t i = n; status == MW_OK && i-- > 0;) {
        const pending *p = &pendings[i];
        bool is_late = now - joiner->waiting[i].since_ms > MW_LIMIT_LABEL_WAIT_MS;
        if (p->is_found && !p->is_misfit)
            status = add_known(joiner, &p->found, err);
        joiner->counts.joined += p->is_found && !p->is_misfit;
        joiner->counts.misfits += p->is_found && p->is_misfit;
        joiner->counts.unknown += !p->is_found && is_late;
        if (p->is_found || is_late)
            forget_waiting(joiner, i);
    }
    joiner->counts.waiting = joiner->n_waiting;
    free(pendings);
    return status;
}

/* ---- labels that come ------------------------------------------------------------------------ */

/* What was said before about the same prediction. False: it is to be looked for. */
static bool is_known(journal_joiner *joiner, const pending *p, mw_feedback_counts *added)
{
    journal_observation *known = find_known(joiner, p->key), fresh;
    if (!known)
        return is_waiting(joiner, p, added);
    const mw_log_shape *shape = &joiner->groups[known->group]->shape;
    fresh = *known;
    bool fits = true;
    if (shape->answer == MW_LOG_NUMBER) {
        fresh.label = p->label->number;
        fits = !p->label->is_text;
    } else {
        ptrdiff_t truth = class_of(shape, p->label);
        fresh.label = (double)truth;
        fits = truth >= 0;
    }
    if (!fits) {
        added->misfits++;
        return true;
    }
    tell_groups(joiner, shape, NULL, p->label->groups, known);
    memcpy(fresh.groups, known->groups, sizeof fresh.groups);
    if (fresh.label == known->label) {
        added->duplicates++;
        return true;
    }
    fresh.told_ms = p->label->told_ms;
    *known = fresh;
    untell(joiner, known);
    added->replaced++;
    return true;
}

static mw_status settle(journal_joiner *joiner, const pending *p, mw_feedback_counts *added,
                        mw_error *err)
{
    if (!p->is_found && is_waiting(joiner, p, added)) /* said twice in one body */
        return MW_OK;
    if (!p->is_found) {
        added->waiting++;
        return wait_for(joiner, p, err);
    }
    if (p->is_misfit) {
        added->misfits++;
        return MW_OK;
    }
    journal_observation *twin = find_known(joiner, p->key); /* said twice in one body */
    if (twin) {
        untell(joiner, twin);
        *(twin->label == p->found.label ? &added->duplicates : &added->replaced) += 1;
        free(twin->shares);
        joiner->items[twin - joiner->items] = p->found;
        return MW_OK;
    }
    added->joined++;
    return add_known(joiner, &p->found, err);
}

static void add_counts(mw_feedback_counts *sum, const mw_feedback_counts *added)
{
    sum->received += added->received;
    sum->joined += added->joined;
    sum->duplicates += added->duplicates;
    sum->replaced += added->replaced;
    sum->misfits += added->misfits;
}

mw_status journal_join(journal_joiner *joiner, journal_stream *stream, const journal_label *labels,
                       size_t n, mw_feedback_counts *ret_added, mw_error *err)
{
    mw_feedback_counts added = {.received = n};
    size_t n_pending = 0;
    pending *pendings = calloc(n + 1, sizeof *pendings);
    if (!pendings)
        return mw_fail_memory(err, "labels that look for predictions");
    for (size_t i = 0; i < n; i++) {
        pending p = {.label = &labels[i], .id_hash = journal_hash(labels[i].id)};
        p.key = key_of(&labels[i], p.id_hash);
        if (!is_known(joiner, &p, &added))
            pendings[n_pending++] = p;
    }
    mw_status status = n_pending ? find_all(joiner, stream, 0, pendings, n_pending, err) : MW_OK;
    for (size_t i = 0; status == MW_OK && i < n_pending; i++)
        status = settle(joiner, &pendings[i], &added, err);
    add_counts(&joiner->counts, &added);
    joiner->counts.waiting = joiner->n_waiting;
    *ret_added = added;
    free(pendings);
    return status;
}

/* ---- other servers --------------------------------------------------------------------------- */

journal_observation *journal_find(const journal_joiner *joiner, uint64_t key)
{
    return find_known(joiner, key);
}

mw_status journal_group_of(journal_joiner *joiner, const mw_log_shape *shape, uint32_t *ret_group,
                           mw_error *err)
{
    return group_of(joiner, shape, ret_group, err);
}

mw_status journal_put(journal_joiner *joiner, const journal_observation *item, bool *ret_is_taken,
                      mw_error *err)
{
    journal_observation *known = find_known(joiner, item->key);
    *ret_is_taken = false;
    if (known && known->told_ms > item->told_ms)
        return MW_OK;
    if (known) {
        free(known->shares);
        *known = *item;
    } else {
        MW_TRY(add_known(joiner, item, err));
    }
    *ret_is_taken = true;
    return MW_OK;
}

bool journal_note_told(journal_joiner *joiner, const journal_observation *item)
{
    journal_observation *known = find_known(joiner, item->key);
    if (known && !known->is_told && known->label == item->label &&
        known->told_ms == item->told_ms) {
        known->is_told = true;
        joiner->n_untold--;
    }
    return known;
}

void journal_end_waiting(journal_joiner *joiner, uint64_t key)
{
    const journal_waiting *w = find_waiting(joiner, key);
    if (!w || !w->is_passed_on) /* another label for it, which nobody has seen so far */
        return;
    forget_waiting(joiner, (size_t)(w - joiner->waiting));
    joiner->counts.elsewhere++;
}

/* Who passed it on is told what became of it, also where it changed nothing. */
static void tell_again(journal_joiner *joiner, uint64_t key)
{
    journal_observation *known = find_known(joiner, key);
    if (known)
        untell(joiner, known);
    else if (joiner->n_misfits < MW_LIMIT_TOLD_MISFITS)
        joiner->misfits[joiner->n_misfits++] = key;
}

void journal_pass_on(journal_joiner *joiner, int64_t before_ms, mw_buf *out)
{
    for (size_t i = 0; i < joiner->n_waiting && joiner->n_unpassed > 0; i++) {
        journal_waiting *w = &joiner->waiting[i];
        if (w->is_passed_on || w->since_ms > before_ms)
            continue;
        if (out->size > MW_LIMIT_PASSED_LABELS_BYTES)
            return; /* the others later */
        journal_label_write(&w->label, out);
        w->is_passed_on = true;
        joiner->n_unpassed--;
        joiner->counts.passed_on++;
    }
}

mw_status journal_join_passed_on(journal_joiner *joiner, journal_stream *stream,
                                 journal_label *labels, size_t n, size_t *ret_n,
                                 mw_feedback_counts *ret_added, mw_error *err)
{
    mw_feedback_counts added = {0};
    size_t n_pending = 0, n_here = 0;
    pending *pendings = calloc(n + 1, sizeof *pendings);
    bool *is_here = calloc(n + 1, sizeof *is_here);
    mw_status status =
        pendings && is_here ? MW_OK : mw_fail_memory(err, "labels that look for predictions");
    for (size_t i = 0; i < n && status == MW_OK; i++) {
        pending p = {.label = &labels[i], .id_hash = journal_hash(labels[i].id)};
        p.key = key_of(&labels[i], p.id_hash);
        is_here[i] = find_known(joiner, p.key) && is_known(joiner, &p, &added);
        if (!is_here[i])
            pendings[n_pending++] = p;
    }
    if (status == MW_OK && n_pending > 0)
        status = find_all(joiner, stream, 0, pendings, n_pending, err);
    for (size_t i = 0; i < n_pending && status == MW_OK; i++)
        if (pendings[i].is_found) {
            is_here[pendings[i].label - labels] = true;
            status = settle(joiner, &pendings[i], &added, err);
        }
    for (size_t i = 0; i < n && status == MW_OK; i++)
        if (is_here[i]) {
            tell_again(joiner, key_of(&labels[i], journal_hash(labels[i].id)));
            labels[n_here++] = labels[i];
        }
    added.duplicates = 0;
    add_counts(&joiner->counts, &added);
    free(pendings);
    free(is_here);
    *ret_n = n_here;
    *ret_added = added;
    return status;
}

/* ---- all that were ever told ----------------------------------------------------------------- */

enum { LABELS_AT_ONCE = 65536 };

static mw_status join_block(journal_joiner *joiner, journal_stream *stream, mw_view raw,
                            mw_error *err)
{
    journal_label *labels = malloc(LABELS_AT_ONCE * sizeof *labels);
    mw_feedback_counts added;
    mw_status status = labels ? MW_OK : mw_fail_memory(err, "labels");
    for (size_t n = 1; status == MW_OK && n > 0;) {
        n = 0;
        while (n < LABELS_AT_ONCE && journal_label_next(&raw, &labels[n]))
            n++;
        if (n > 0)
            status = journal_join(joiner, stream, labels, n, &added, err);
    }
    free(labels);
    return status;
}

mw_status journal_join_all(journal_joiner *joiner, journal_stream *stream, mw_error *err)
{
    uint32_t *numbers;
    size_t n;
    MW_TRY(journal_segments_list(joiner->folder, "labels", &numbers, &n, err));
    mw_status status = MW_OK;
    for (size_t i = 0; status == MW_OK && i < n; i++) {
        char path[JOURNAL_PATH_BYTES];
        journal_scan scan;
        journal_block block;
        mw_view raw;
        journal_segment_path(joiner->folder, "labels", numbers[i], ".log", path);
        bool is_open = journal_scan_open(&scan, path, err) == MW_OK;
        while (is_open && status == MW_OK && journal_scan_next(&scan, &block))
            if (block.kind == JOURNAL_LABELS && journal_reader_load(&scan.reader, &block, &raw))
                status = join_block(joiner, stream, raw, err);
        journal_scan_close(&scan);
    }
    free(numbers);
    return status;
}

mw_status journal_join_again(journal_joiner *joiner, journal_stream *stream, mw_error *err)
{
    mw_feedback_counts counts = joiner->counts;
    bool is_told = joiner->n_untold == 0; /* else all is told again, which changes nothing */
    for (size_t i = 0; i < joiner->n_waiting; i++)
        free(joiner->waiting[i].texts);
    for (size_t i = 0; i < joiner->n; i++)
        free(joiner->items[i].shares);
    for (size_t g = 0; g < joiner->n_groups; g++) {
        joiner->groups[g]->n_kept = 0;
        journal_losses_done(&joiner->groups[g]->losses);
    }
    joiner->n = joiner->n_waiting = joiner->n_unpassed = joiner->n_untold = 0;
    joiner->is_waiting_stale = true;
    if (joiner->n_slots > 0)
        fill_slots(joiner);
    mw_status status = journal_join_all(joiner, stream, err);
    for (size_t i = 0; is_told && i < joiner->n; i++)
        joiner->items[i].is_told = true;
    joiner->n_untold = is_told ? 0 : joiner->n_untold;
    joiner->counts = counts;
    joiner->counts.waiting = joiner->n_waiting;
    return status;
}
