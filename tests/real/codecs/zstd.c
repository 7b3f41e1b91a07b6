/* A command line for zstd: zstd -LEVEL IN OUT compresses with a checksum, zstd -d IN OUT turns it back.
   Works in steps of an odd size, so that input and output end at different places in every step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define STEP 65521

static unsigned char input[STEP], output[STEP];

static int fail(const char *what) {
    fprintf(stderr, "zstd: %s\n", what);
    return 1;
}

int main(int count, char **words) {
    if (count != 4 || words[1][0] != '-') return fail("usage: zstd -LEVEL|-d IN OUT");
    int unpack = strcmp(words[1], "-d") == 0;
    FILE *from = fopen(words[2], "rb");
    FILE *to = from ? fopen(words[3], "wb") : NULL;
    if (!to) return fail("cannot open");

    ZSTD_CCtx *packer = ZSTD_createCCtx();
    ZSTD_DCtx *unpacker = ZSTD_createDCtx();
    if (!packer || !unpacker) return fail("no memory");
    ZSTD_CCtx_setParameter(packer, ZSTD_c_compressionLevel, atoi(words[1] + 1));
    ZSTD_CCtx_setParameter(packer, ZSTD_c_checksumFlag, 1);

    unsigned long long read = 0, written = 0;
    size_t left = 1; /* what a step says is still to come; 0 when a frame is whole */
    for (int last = 0; !last;) {
        ZSTD_inBuffer in = {input, fread(input, 1, STEP, from), 0};
        read += in.size;
        last = feof(from);
        int again = 1;
        while (again) {
            ZSTD_outBuffer out = {output, STEP, 0};
            left = unpack ? ZSTD_decompressStream(unpacker, &out, &in)
                          : ZSTD_compressStream2(packer, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
            /* Which error is found first differs between words of 32 and 64 bits: it is not told. */
            if (ZSTD_isError(left)) return fail(unpack ? "damaged" : ZSTD_getErrorName(left));
            if (fwrite(output, 1, out.pos, to) != out.pos) return fail("cannot write");
            written += out.pos;
            again = unpack ? in.pos < in.size || out.pos == out.size : last ? left != 0 : in.pos < in.size;
        }
    }
    if (left != 0) return fail("cut off");
    printf("%llu -> %llu\n", read, written);
    return fclose(to) == 0 ? 0 : fail("cannot write");
}
