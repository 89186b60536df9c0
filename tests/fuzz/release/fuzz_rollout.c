/* Bytes as a rollout's document, as its evidence, and as --steps: any input gives something that
 * can be judged and written again, or an error that says something; never a crash. */
#include "release/release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const mw_rollout_document *document, const mw_rollout_memory *memory)
{
    mw_buf out;
    mw_rollout_judgement judgement;
    mw_rollout_decision decision;
    mw_rollout_judge(document, memory, &judgement);
    mw_rollout_decide(document, &(mw_rollout_position){.step = 0}, &judgement, 1, &decision);
    mw_buf_init(&out, MW_MIB);
    mw_rollout_verdict_write(&judgement, &decision, &out);
    mw_buf_done(&out);
}

static void read_document(mw_view text)
{
    mw_buf once;
    mw_error err = {0};
    mw_rollout_memory memory;
    mw_rollout_document document;
    if (mw_rollout_document_read(text, "fuzz.yaml", &document, &err) != MW_OK) {
        if (!err.what[0])
            __builtin_trap();
        return;
    }
    mw_buf_init(&once, MW_MIB);
    mw_rollout_document_write(&document, &once);
    if (mw_rollout_document_read(mw_buf_as_view(&once), "own", &document, &err) != MW_OK)
        __builtin_trap(); /* what is written can be read */
    mw_buf_done(&once);
    mw_rollout_memory_init(&memory);
    judge(&document, &memory);
}

static void read_memory(mw_view text)
{
    mw_buf once;
    mw_error err = {0};
    mw_rollout_memory memory;
    mw_rollout_document document;
    mw_arm arms[MW_ARMS];
    (void)!mw_arms_read(text, arms, &err);
    if (mw_rollout_memory_read(text, &memory, &err) != MW_OK)
        return;
    mw_rollout_document_init(&document, MW_CANARY);
    judge(&document, &memory);
    mw_rollout_memory_close(&memory, &document, 0.5, false);
    mw_buf_init(&once, 4 * MW_MIB);
    mw_rollout_memory_write(&memory, &once);
    mw_buf_done(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_rollout_document document;
    mw_view text = {(const char *)data, size};
    read_document(text);
    read_memory(text);
    mw_rollout_document_init(&document, MW_CANARY);
    (void)!mw_rollout_steps_read(text, &document, &err);
    return 0;
}
