/* What lies under the log: checksums, the queue, blocks in files, the index of ids. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../chance.h"
#include "journal/checksum.h"
#include "journal/index.h"
#include "journal/queue.h"
#include "journal/segment.h"
#include "test.h"

/* ---- checksums ------------------------------------------------------------------------------- */

static void test_crc(void **state)
{
    (void)state;
    unsigned char bytes[600];
    /* RFC 3720, B.4, and the check value of the catalogue of CRCs */
    assert_int_equal(journal_crc(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, 32);
    assert_int_equal(journal_crc(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    assert_int_equal(journal_crc(0, bytes, 32), 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 31);
    for (size_t size = 0; size < sizeof bytes; size++)
        assert_int_equal(journal_crc(0, bytes, size), journal_crc_plain(0, bytes, size));
    assert_int_equal(journal_crc(journal_crc(0, bytes, 100), bytes + 100, 77),
                     journal_crc(0, bytes, 177));
}

/* ---- the queue ------------------------------------------------------------------------------- */

enum { WRITERS = 4, EACH = 20000, QUEUE_BYTES = 8192 };

typedef struct writer {
    journal_queue *queue;
    uint32_t number;
    uint32_t refused;
} writer;

static void *write_many(void *argument)
{
    writer *w = argument;
    uint64_t seed = w->number + 1;
    for (uint32_t i = 0; i < EACH;) {
        size_t size = 12 + (size_t)(test_chance(&seed) * 200);
        char *at = journal_queue_reserve(w->queue, size);
        if (!at) {
            w->refused++;
            usleep(10);
            continue;
        }
        uint32_t head[3] = {w->number, i++, (uint32_t)size};
        memcpy(at, head, sizeof head);
        memset(at + sizeof head, (int)(i & 0xff), size - sizeof head);
        journal_queue_commit(at, size);
    }
    return NULL;
}

static void test_queue_of_many(void **state)
{
    (void)state;
    journal_queue queue;
    pthread_t threads[WRITERS];
    writer writers[WRITERS];
    uint32_t next[WRITERS] = {0}, n = 0;
    assert_int_equal(journal_queue_init(&queue, QUEUE_BYTES, NULL), MW_OK);
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (writer){&queue, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    while (n < WRITERS * EACH) {
        mw_view record;
        uint32_t head[3];
        if (!journal_queue_peek(&queue, &record))
            continue;
        memcpy(head, record.data, sizeof head);
        assert_int_equal(head[2], record.size);
        assert_int_equal(head[1], next[head[0]]++); /* in each one's order, none twice, none lost */
        for (size_t i = sizeof head; i < record.size; i++)
            assert_int_equal((unsigned char)record.data[i], (head[1] + 1) & 0xff);
        journal_queue_take(&queue);
        n++;
    }
    for (uint32_t i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    journal_queue_done(&queue);
}

static void test_queue_is_bounded(void **state)
{
    (void)state;
    journal_queue queue;
    mw_view record;
    size_t n = 0;
    char *at;
    assert_int_equal(journal_queue_init(&queue, QUEUE_BYTES, NULL), MW_OK);
    assert_null(journal_queue_reserve(&queue, QUEUE_BYTES / 2));
    for (; (at = journal_queue_reserve(&queue, 1000)); n++)
        journal_queue_commit(at, 1000);
    assert_int_equal(n, 8);
    assert_true(journal_queue_is_fuller(&queue, 2));
    for (; journal_queue_peek(&queue, &record); n--)
        journal_queue_take(&queue);
    assert_int_equal(n, 0);
    assert_non_null(at = journal_queue_reserve(&queue, 1000));
    assert_false(journal_queue_peek(&queue, &record)); /* it is not written yet */
    journal_queue_commit(at, 1000);
    assert_true(journal_queue_peek(&queue, &record));
    journal_queue_done(&queue);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

enum { BLOCKS = 5 };

/* A file of five blocks; ret_ends[i] is where block i ends. */
static int make_file(uint64_t ret_ends[BLOCKS])
{
    int fd = memfd_create("segment", MFD_CLOEXEC);
    journal_packer packer = {0};
    char head[JOURNAL_FILE_HEAD_BYTES];
    uint64_t offset = sizeof head;
    journal_file_head(head);
    assert_int_equal(journal_write_at(fd, 0, head, sizeof head, NULL), MW_OK);
    for (unsigned i = 0; i < BLOCKS; i++) {
        char raw[2000];
        size_t bytes;
        journal_block block = {.kind = JOURNAL_ROWS,
                               .shape = i,
                               .n_rows = 10 + i,
                               .first_ms = -5,
                               .last_ms = 1000 + i};
        for (size_t b = 0; b < sizeof raw; b++)
            raw[b] = (char)(i == 3 ? rand() : (int)(b % 10 + i)); /* 3: zstd gains nothing */
        assert_int_equal(journal_pack(&packer, &block, (mw_view){raw, sizeof raw}, &bytes, NULL),
                         MW_OK);
        assert_int_equal(journal_write_at(fd, offset, packer.packed, bytes, NULL), MW_OK);
        ret_ends[i] = offset += bytes;
    }
    journal_packer_done(&packer);
    return fd;
}

/* Bits of the blocks that were read whole. */
static unsigned read_file(int fd, journal_damage *ret_damage, uint64_t *ret_end)
{
    journal_reader reader;
    journal_block block;
    mw_view raw;
    unsigned seen = 0;
    assert_int_equal(journal_reader_open(&reader, fd, NULL), MW_OK);
    while (journal_reader_next(&reader, &block))
        if (journal_reader_load(&reader, &block, &raw)) {
            assert_int_equal(raw.size, 2000);
            assert_int_equal(block.n_rows, 10 + block.shape);
            assert_int_equal(block.first_ms, -5);
            seen |= 1u << block.shape;
        }
    *ret_damage = reader.damage;
    *ret_end = reader.offset;
    journal_reader_done(&reader);
    return seen;
}

static void test_whole(void **state)
{
    (void)state;
    uint64_t ends[BLOCKS], end;
    journal_damage damage;
    int fd = make_file(ends);
    assert_int_equal(read_file(fd, &damage, &end), 0x1f);
    assert_int_equal(damage.blocks + damage.torn_bytes, 0);
    assert_int_equal(end, ends[4]);
    assert_true(ends[1] - ends[0] < 200 && ends[3] - ends[2] > 2000); /* packed, and as it is */
    close(fd);
}

/* At whatever byte it is cut: the blocks before are there, and the reader says where they end. */
static void test_torn_anywhere(void **state)
{
    (void)state;
    uint64_t ends[BLOCKS];
    int fd = make_file(ends);
    for (uint64_t size = ends[4]; size-- > JOURNAL_FILE_HEAD_BYTES;) {
        journal_damage damage;
        uint64_t end;
        unsigned whole = 0;
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
        unsigned seen = read_file(fd, &damage, &end);
        while (whole < BLOCKS && ends[whole] <= size)
            whole++;
        assert_int_equal(seen, (1u << whole) - 1);
        assert_int_equal(end, whole ? ends[whole - 1] : JOURNAL_FILE_HEAD_BYTES);
        assert_int_equal(damage.torn_bytes, size - end);
        assert_int_equal(damage.blocks, 0);
    }
    close(fd);
}

/* One byte wrong, anywhere: at most its own block is lost, and that is counted. */
static void test_damaged_anywhere(void **state)
{
    (void)state;
    uint64_t ends[BLOCKS];
    int fd = make_file(ends);
    for (uint64_t at = JOURNAL_FILE_HEAD_BYTES; at < ends[4]; at++) {
        journal_damage damage;
        uint64_t end;
        unsigned char byte;
        unsigned hit = 0;
        while (ends[hit] <= at)
            hit++;
        assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
        unsigned seen = read_file(fd, &damage, &end);
        assert_int_equal(seen, 0x1fu & ~(1u << hit));
        assert_true(damage.blocks == 1 || (hit == 4 && damage.torn_bytes > 0));
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    }
    close(fd);
}

static void test_no_segment(void **state)
{
    (void)state;
    int fd = memfd_create("segment", MFD_CLOEXEC);
    journal_reader reader;
    mw_error err;
    assert_int_equal(journal_reader_open(&reader, fd, &err), MW_BAD_DATA);
    journal_reader_done(&reader);
    assert_int_equal(pwrite(fd, "MWJOURN2........", 16, 0), 16);
    assert_int_equal(journal_reader_open(&reader, fd, &err), MW_BAD_DATA);
    journal_reader_done(&reader);
    close(fd);
}

/* ---- the index ------------------------------------------------------------------------------- */

enum { IDS = 20000 };

static uint64_t hash_of(unsigned i)
{
    char id[32];
    int size = snprintf(id, sizeof id, "request-%u", i);
    return journal_hash((mw_view){id, (size_t)size});
}

static void test_index(void **state)
{
    (void)state;
    journal_index index = {0};
    journal_index_head head;
    uint32_t offsets[JOURNAL_SAME_MAX];
    char path[] = "/tmp/mw-index-XXXXXX";
    close(mkstemp(path));
    for (unsigned i = 0; i < IDS; i++)
        for (unsigned twice = 0; twice < 2; twice++) /* the same place is told once */
            assert_true(journal_index_add(&index, hash_of(i), 16 + i / 100 * 1000));
    for (unsigned i = 1; i < 100; i++) /* one id, said by everybody: the newest places stay */
        assert_true(journal_index_add(&index, hash_of(5), 1000000 + i));
    head = (journal_index_head){.rows = 7, .first_ms = 1, .last_ms = 2};
    assert_int_equal(journal_index_write(&index, head, path, NULL), MW_OK);
    int fd = open(path, O_RDONLY);
    assert_true(journal_index_read_head(fd, &head));
    assert_int_equal(head.rows, 7);
    assert_int_equal(head.n, IDS + JOURNAL_SAME_MAX - 1);
    for (unsigned i = 0; i < IDS; i += 7) {
        if (i == 5)
            continue;
        assert_int_equal(journal_index_find(&index, hash_of(i), offsets), 1);
        assert_int_equal(offsets[0], 16 + i / 100 * 1000);
        assert_int_equal(journal_index_file_find(fd, &head, hash_of(i), offsets), 1);
        assert_int_equal(offsets[0], 16 + i / 100 * 1000);
    }
    assert_int_equal(journal_index_find(&index, hash_of(5), offsets), JOURNAL_SAME_MAX);
    assert_int_equal(offsets[0], 1000099);
    assert_int_equal(journal_index_file_find(fd, &head, hash_of(5), offsets), JOURNAL_SAME_MAX);
    assert_int_equal(offsets[0], 1000099);
    for (unsigned i = IDS; i < IDS + 2000; i++) {
        assert_int_equal(journal_index_find(&index, hash_of(i), offsets), 0);
        assert_int_equal(journal_index_file_find(fd, &head, hash_of(i), offsets), 0);
    }
    assert_int_equal(truncate(path, 100), 0);
    assert_false(journal_index_read_head(fd, &head));
    close(fd);
    unlink(path);
    journal_index_done(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),
        cmocka_unit_test(test_queue_of_many),
        cmocka_unit_test(test_queue_is_bounded),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_torn_anywhere),
        cmocka_unit_test(test_damaged_anywhere),
        cmocka_unit_test(test_no_segment),
        cmocka_unit_test(test_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
