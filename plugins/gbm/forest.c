/* Trees in memory, and the one gate through which trees from files come in. Promises that a forest's nodes are in preorder with every child
 * inside its tree, whoever made it: growers add nodes in that order, forest_adopt brings any graph into it or refuses it with the node
 * where it is no tree. Called while a model is built or trained. */
#include "common/memory.h"
#include "common/refuse.h"
#include "gbm.h"

struct forest forest_new(uint32_t inputs) {
  return (struct forest){.inputs = inputs, .single = true, .slope = 1};
}

bool forest_begin(struct forest *f, const kairos_host *host) {
  f->importance = memory_take(host, f->inputs, sizeof *f->importance);
  return f->importance != NULL;
}

/* Doubles the room; the old block stays when there is no more. */
static bool make_room(const kairos_host *host, void **block, uint32_t count, uint32_t *room, size_t size) {
  if (count < *room) return true;
  const uint32_t wanted = *room ? *room * 2 : 64;
  void *larger = host->realloc(host, *block, *room * size, wanted * size);
  if (!larger) return false;
  *block = larger;
  *room = wanted;
  return true;
}

bool forest_add_tree(struct forest *f, const kairos_host *host) {
  void *block = f->roots;
  const bool fits = make_room(host, &block, f->tree_count, &f->tree_room, sizeof *f->roots);
  f->roots = block;
  if (fits) f->roots[f->tree_count++] = f->node_count;
  return fits;
}

struct node *forest_add_node(struct forest *f, const kairos_host *host) {
  void *block = f->nodes;
  const bool fits = f->node_count < GBM_NODES_MOST && make_room(host, &block, f->node_count, &f->node_room, sizeof *f->nodes);
  f->nodes = block;
  if (!fits) return NULL;
  struct node *node = &f->nodes[f->node_count++];
  *node = (struct node){.input = NODE_LEAF};
  return node;
}

uint32_t forest_tree_end(const struct forest *f, uint32_t tree) {
  return tree + 1 < f->tree_count ? f->roots[tree + 1] : f->node_count;
}

/* After a leaf comes the right child of the innermost node that waits for one; so a list of kinds is a tree in one way or not at all. */
bool forest_close_tree(struct forest *f) {
  uint32_t waiting[GBM_DEPTH_MOST], open = 0;
  for (uint32_t n = f->roots[f->tree_count - 1]; n < f->node_count; n++) {
    if (f->nodes[n].input != NODE_LEAF) {
      if (open == GBM_DEPTH_MOST) return false;
      waiting[open++] = n;
    } else if (open == 0) {
      return n + 1 == f->node_count;
    } else {
      f->nodes[waiting[--open]].right = n + 1;
    }
  }
  return false;
}

uint32_t forest_depth(const struct forest *f, uint32_t tree) {
  uint32_t waiting[GBM_DEPTH_MOST], open = 0, depth = 0, deepest = 0;
  for (uint32_t n = f->roots[tree], end = forest_tree_end(f, tree); n < end; n++) {
    if (f->nodes[n].input != NODE_LEAF) {
      waiting[open++] = ++depth;
      if (depth > deepest) deepest = depth;
    } else if (open > 0) {
      depth = waiting[--open];
    }
  }
  return deepest;
}

/* ---- trees from files ---- */

static kairos_status refuse_node(kairos_error *error, const char *what, uint32_t tree, uint32_t node, const char *fault) {
  return refuse(error, KAIROS_BAD_STATE, "%s: tree %u, node %u: %s", what, tree, node, fault);
}

static kairos_status check_loose(const struct forest *f, const struct loose_node *n, uint32_t count, const char *what, uint32_t tree,
                                 uint32_t number, kairos_error *error) {
  if (n->input == NODE_LEAF && !number_usable(n->number)) return refuse_node(error, what, tree, number, "its leaf value is not usable");
  if (n->input != NODE_LEAF && !threshold_usable(n->number)) return refuse_node(error, what, tree, number, "its threshold is not usable");
  if (!number_usable(n->cover) || n->cover < 0) return refuse_node(error, what, tree, number, "its cover is no weight of 0 or more");
  if (n->input == NODE_LEAF) return KAIROS_OK;
  if (n->input == NODE_DELETED) return refuse_node(error, what, tree, number, "it is deleted, and still somebody's child");
  if (n->input >= f->inputs) return refuse_node(error, what, tree, number, "it splits on an input that the model does not have");
  if (n->left >= count || n->right >= count) return refuse_node(error, what, tree, number, "a child is out of range");
  return KAIROS_OK;
}

kairos_status forest_adopt(struct forest *f, const kairos_host *host, struct loose_node *loose, uint32_t count, uint32_t deleted,
                           const char *what, uint32_t tree, kairos_error *error) {
  uint32_t waiting[GBM_DEPTH_MOST], open = 0, at = 0, taken = 0;
  if (count == 0) return refuse(error, KAIROS_BAD_STATE, "%s: tree %u has no nodes", what, tree);
  if (f->tree_count == GBM_TREES_MOST) return refuse(error, KAIROS_BAD_STATE, "%s: more than %d trees", what, GBM_TREES_MOST);
  if (!forest_add_tree(f, host)) return refuse(error, KAIROS_NO_MEMORY, "%s: no memory for tree %u", what, tree);
  for (;;) {
    struct loose_node *from = &loose[at];
    if (from->seen) return refuse_node(error, what, tree, at, "it is reached a second time: children make a cycle or meet");
    from->seen = true;
    taken++;
    const kairos_status status = check_loose(f, from, count, what, tree, at, error);
    if (status != KAIROS_OK) return status;
    if (f->node_count == GBM_NODES_MOST) return refuse_node(error, what, tree, at, "the model has too many nodes");
    struct node *to = forest_add_node(f, host);
    if (!to) return refuse(error, KAIROS_NO_MEMORY, "%s: no memory for tree %u", what, tree);
    *to = (struct node){.number = from->number, .cover = from->cover, .input = from->input, .flags = from->flags};
    if (from->input != NODE_LEAF) {
      if (open == GBM_DEPTH_MOST) return refuse_node(error, what, tree, at, "it lies too deep");
      waiting[open++] = from->right;
      at = from->left;
    } else if (open > 0) {
      at = waiting[--open];
    } else {
      break;
    }
  }
  if (taken != count - deleted)
    return refuse(error, KAIROS_BAD_STATE, "%s: tree %u has %u nodes, its root reaches %u", what, tree, count - deleted, taken);
  forest_close_tree(f);
  return KAIROS_OK;
}

void forest_free(struct forest *f, const kairos_host *host) {
  memory_give(host, f->roots, f->tree_room, sizeof *f->roots);
  memory_give(host, f->nodes, f->node_room, sizeof *f->nodes);
  memory_give(host, f->importance, f->inputs, sizeof *f->importance);
  *f = (struct forest){0};
}
