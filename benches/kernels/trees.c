/* Binary trees made, walked and given back: pointers, and an allocator of our own. */
#include "kernel.h"
#ifndef SIZE
#define SIZE 18
#endif
struct node {
    struct node *left, *right;
};
static struct node pool[2 << SIZE], *free_nodes;
static uint64_t sum;

void setup(void) {
    sum = 0;
    free_nodes = NULL;
    for (size_t i = 0; i < sizeof pool / sizeof *pool; i++) {
        pool[i].left = free_nodes;
        free_nodes = &pool[i];
    }
}

static struct node *made(int depth) {
    struct node *node = free_nodes;
    free_nodes = node->left;
    node->left = depth ? made(depth - 1) : NULL;
    node->right = depth ? made(depth - 1) : NULL;
    return node;
}

static uint32_t counted(const struct node *node) {
    return node->left ? 1 + counted(node->left) + counted(node->right) : 1;
}

static void give_back(struct node *node) {
    if (node->left) give_back(node->left), give_back(node->right);
    node->left = free_nodes;
    free_nodes = node;
}

void kernel(void) {
    for (int depth = 4; depth <= SIZE; depth += 2)
        for (int i = 0; i < 1 << (SIZE - depth); i++) {
            struct node *tree = made(depth);
            sum = mixed(sum, counted(tree));
            give_back(tree);
        }
}

uint64_t checksum(void) { return sum; }
