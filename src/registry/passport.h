/* The parts of a passport that stand in the files of a model: pure, of bytes. */
#ifndef REGISTRY_PASSPORT_H
#define REGISTRY_PASSPORT_H

#include "record.h"

enum { PASSPORT_COLUMNS_MAX = 20000 };

/* Each adds to the passport what the file tells, copied into the memory's arena. Fails: MW_BAD_DATA
 * with the place, when the file is not what its name says. */

/* MLmodel: flavors, signature, versions, and what metadata: millwright declares of the columns.
 * ret_model_file: what FILE.contract.yaml stands beside; absent: no flavor that is read. */
MW_CHECKED mw_status passport_read_mlmodel(mw_view text, record_memory *memory,
                                           mw_passport *passport, mw_view *ret_model_file,
                                           mw_error *err);
/* FILE.contract.yaml: laid over the columns that are known; without a signature there are none. */
MW_CHECKED mw_status passport_read_contract(mw_view text, record_memory *memory,
                                            mw_passport *passport, mw_error *err);
/* A line a library: "name==version", "name>=1; python_version > '3.8'". Never fails. */
void passport_read_requirements(mw_view text, record_memory *memory, mw_passport *passport);
/* conda.yaml, python_env.yaml: the version of Python; libraries, where none are known yet. */
MW_CHECKED mw_status passport_read_environment(mw_view text, record_memory *memory,
                                               mw_passport *passport, mw_error *err);
/* input_example.json: ranges and missing rates of the columns that are known. */
MW_CHECKED mw_status passport_read_example(mw_view text, mw_passport *passport, mw_error *err);

/* `size` bytes of a file from `begin` on, to the end of `out`. */
typedef mw_status passport_bytes(void *user, uint64_t begin, size_t size, mw_buf *out,
                                 mw_error *err);
/* An ONNX file of `size` bytes: inputs of its graph where none are known, outputs where none are.
 * Their types are told as those of an MLflow signature: "tensor(float32)[-1,4]". */
MW_CHECKED mw_status passport_read_onnx(passport_bytes *fetch, void *user, uint64_t size,
                                        record_memory *memory, mw_passport *passport,
                                        mw_error *err);

/* Read what a version is made of, and keep it (passport.c). */
MW_CHECKED mw_status record_keep_passport(mw_record *record, const mw_model_version *version,
                                          mw_error *err);

/* The digest of a list of files below `root` (served.c). */
MW_CHECKED mw_status record_digest_files(const mw_artifacts *files, mw_view root,
                                         char ret_digest[MW_DIGEST_TEXT_BYTES], mw_error *err);
/* All files below it, sorted by path (served.c). */
MW_CHECKED mw_status record_files_below(mw_record *record, mw_view root, mw_artifacts *ret_files,
                                        mw_error *err);

#endif
