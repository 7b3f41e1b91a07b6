// Recursion: deep, wide, mutual, and with arrays on the stack.
#include <stdint.h>
#include <stdio.h>

static unsigned ackermann(unsigned m, unsigned n) {
    return m == 0 ? n + 1 : ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

static uint64_t fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

static long moves;
static void hanoi(int disks, int from, int to, int spare) {
    if (!disks)
        return;
    hanoi(disks - 1, from, spare, to);
    moves += from * 3 + to;
    hanoi(disks - 1, spare, to, from);
}

static int queens(int size, unsigned columns, unsigned left, unsigned right) {
    unsigned all = (1u << size) - 1, count = 0;
    if (columns == all)
        return 1;
    for (unsigned open = all & ~(columns | left | right); open; open &= open - 1) {
        unsigned place = open & -open;
        count += queens(size, columns | place, (left | place) << 1, (right | place) >> 1);
    }
    return (int)count;
}

static int is_odd(unsigned n);
__attribute__((noinline)) static int is_even(unsigned n) { return n == 0 ? 1 : !!is_odd(n - 1); }
__attribute__((noinline)) static int is_odd(unsigned n) { return n == 0 ? 0 : !!is_even(n - 1); }

__attribute__((noinline)) static uint32_t deep(uint32_t n) {
    // Not a tail call: the frame has to stay.
    return n == 0 ? 1 : (deep(n - 1) * 33) ^ n;
}

static uint32_t permutations, checksum;
static void permute(char *items, int at, int size) {
    char copy[9];
    if (at == size) {
        permutations++;
        for (int i = 0; i < size; i++)
            checksum = checksum * 31 + items[i];
        return;
    }
    for (int i = at; i < size; i++) {
        for (int j = 0; j < size; j++)
            copy[j] = items[j];
        copy[at] = items[i];
        copy[i] = items[at];
        permute(copy, at + 1, size);
    }
}

int main(void) {
    char items[9] = "abcdefgh";
    printf("ackermann %u %u\n", ackermann(2, 9), ackermann(3, 5));
    printf("fibonacci %llu\n", (unsigned long long)fibonacci(27));
    hanoi(16, 0, 2, 1);
    printf("hanoi %ld\n", moves);
    for (int size = 4; size <= 9; size++)
        printf("queens %d: %d\n", size, queens(size, 0, 0, 0));
    printf("mutual %d %d\n", is_even(4000), is_odd(3999));
    printf("deep %08x\n", (unsigned)deep(5000));
    permute(items, 0, 8);
    printf("permutations %u %08x\n", (unsigned)permutations, (unsigned)checksum);
    return 0;
}
