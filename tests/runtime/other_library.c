/* A library, but not ONNX Runtime. */
__attribute__((visibility("default"))) int other_library(void);

int other_library(void)
{
    return 1;
}
