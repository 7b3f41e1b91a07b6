/* A command line for zlib: zlib -LEVEL IN OUT writes IN as a gzip file, zlib -d IN OUT turns it back.
   Works in steps of an odd size, so that input and output end at different places in every step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define STEP 65521
#define GZIP 16 /* added to the window's bits: the container is gzip */

static unsigned char input[STEP], output[STEP];

static int fail(const char *what) {
    fprintf(stderr, "zlib: %s\n", what);
    return 1;
}

int main(int count, char **words) {
    if (count != 4 || words[1][0] != '-') return fail("usage: zlib -LEVEL|-d IN OUT");
    int unpack = strcmp(words[1], "-d") == 0;
    FILE *from = fopen(words[2], "rb");
    FILE *to = from ? fopen(words[3], "wb") : NULL;
    if (!to) return fail("cannot open");

    z_stream stream = {0};
    int result = unpack ? inflateInit2(&stream, MAX_WBITS + GZIP)
                        : deflateInit2(&stream, atoi(words[1] + 1), Z_DEFLATED, MAX_WBITS + GZIP, MAX_MEM_LEVEL,
                                       Z_DEFAULT_STRATEGY);
    if (result != Z_OK) return fail("cannot begin");
    while (result != Z_STREAM_END) {
        if (stream.avail_in == 0) {
            stream.next_in = input;
            stream.avail_in = fread(input, 1, STEP, from);
        }
        stream.next_out = output;
        stream.avail_out = STEP;
        int last = feof(from);
        result = unpack ? inflate(&stream, Z_NO_FLUSH) : deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return fail(stream.msg ? stream.msg : "damaged");
        size_t made = STEP - stream.avail_out;
        if (fwrite(output, 1, made, to) != made) return fail("cannot write");
        if (unpack && last && result != Z_STREAM_END && stream.avail_in == 0 && made == 0) return fail("cut off");
    }
    printf("%lu -> %lu\n", stream.total_in, stream.total_out);
    if (unpack) inflateEnd(&stream); else deflateEnd(&stream);
    return fclose(to) == 0 ? 0 : fail("cannot write");
}
