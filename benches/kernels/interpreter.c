/* A stack machine's interpreter: a loop around a large switch, which a branch predictor has to follow. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 800000
#endif
enum { PUSH, ADD, SUB, MUL, XOR, AND, OR, SHL, SHR, DUP, SWAP, DROP, OVER, LOAD, STORE, LESS, EQUAL, JUMP, JUMP_ZERO, NOT,
       NEGATE, INCREMENT, DECREMENT, ROTATE, HALT };
enum { COUNT, SUM, OTHER }; /* what the program keeps in which cell */

static uint32_t code[256], length, cells[8], stack[64];

static void put(uint32_t operation) { code[length++] = operation; }

static void put_with(uint32_t operation, uint32_t operand) {
    put(operation);
    put(operand);
}

/* The program is
   for (count = SIZE; count; count--) {
       sum = sum * 31 + count ^ sum >> 7;
       if ((sum & 3) < 2) other += sum; else other ^= -(count << 2);
   } */
void setup(void) {
    for (int i = 0; i < 8; i++) cells[i] = 0;
    length = 0;
    put_with(PUSH, SIZE), put_with(STORE, COUNT), put_with(PUSH, 1), put_with(STORE, SUM);
    uint32_t again = length;
    put_with(LOAD, COUNT), put_with(JUMP_ZERO, 0);
    uint32_t end = length - 1;
    put_with(LOAD, SUM), put(DUP), put_with(PUSH, 31), put(MUL), put_with(LOAD, COUNT), put(ADD);
    put(SWAP), put_with(PUSH, 7), put(SHR), put(XOR), put(DUP), put_with(STORE, SUM);
    put_with(PUSH, 3), put(AND), put_with(PUSH, 2), put(LESS), put_with(JUMP_ZERO, 0);
    uint32_t otherwise = length - 1;
    put_with(LOAD, OTHER), put_with(LOAD, SUM), put(ADD), put_with(STORE, OTHER), put_with(JUMP, 0);
    uint32_t joined = length - 1;
    code[otherwise] = length;
    put_with(LOAD, OTHER), put_with(LOAD, COUNT), put_with(PUSH, 2), put(SHL), put(NEGATE), put(XOR);
    put_with(STORE, OTHER);
    code[joined] = length;
    put_with(LOAD, COUNT), put(DECREMENT), put_with(STORE, COUNT), put_with(JUMP, again);
    code[end] = length;
    put(HALT);
}

void kernel(void) {
    uint32_t *top = stack, kept;
    for (uint32_t at = 0;;) {
        switch (code[at++]) {
        case PUSH: *++top = code[at++]; break;
        case ADD: top--, top[0] += top[1]; break;
        case SUB: top--, top[0] -= top[1]; break;
        case MUL: top--, top[0] *= top[1]; break;
        case XOR: top--, top[0] ^= top[1]; break;
        case AND: top--, top[0] &= top[1]; break;
        case OR: top--, top[0] |= top[1]; break;
        case SHL: top--, top[0] <<= top[1] & 31; break;
        case SHR: top--, top[0] >>= top[1] & 31; break;
        case DUP: top++, top[0] = top[-1]; break;
        case SWAP: kept = top[0], top[0] = top[-1], top[-1] = kept; break;
        case DROP: top--; break;
        case OVER: top++, top[0] = top[-2]; break;
        case LOAD: *++top = cells[code[at++]]; break;
        case STORE: cells[code[at++]] = *top--; break;
        case LESS: top--, top[0] = top[0] < top[1]; break;
        case EQUAL: top--, top[0] = top[0] == top[1]; break;
        case JUMP: at = code[at]; break;
        case JUMP_ZERO: at = *top-- ? at + 1 : code[at]; break;
        case NOT: *top = !*top; break;
        case NEGATE: *top = -*top; break;
        case INCREMENT: ++*top; break;
        case DECREMENT: --*top; break;
        case ROTATE: kept = top[-2], top[-2] = top[-1], top[-1] = top[0], top[0] = kept; break;
        default: return;
        }
    }
}

uint64_t checksum(void) { return sum_of(cells, sizeof cells); }
