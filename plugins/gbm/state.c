/* A gbm's trees as bytes. Layout, all little-endian:
 *   u32 mark, u32 inputs, u32 trees, u32 nodes, u32 rows trained on, u32 link, u32 single, f64 base, f64 slope, f64 importance[inputs],
 *   then each node in order, trees one after the other in preorder:
 *   u32 input and flags (input × 4 + flags; LEAF for a leaf), f64 cover, f64 threshold or addend
 * Where a tree ends follows from its nodes: after a leaf that no inner node waits for. So there is no child to forge. Promises that a state
 * is taken only when its counts fit this model and its length to the byte and every number is usable, and that a refused state leaves the
 * model as it was. Save after load gives the same bytes. Called while a model is built. */
#include "common/bytes.h"
#include "common/refuse.h"
#include "gbm.h"

#define STATE_VERSION 1
#define STATE_MARK    0x314D4247u /* "GBM1"; the other way round, the bytes were written on a machine of the other order */
#define STATE_HEAD    (7 * 4 + 2 * 8)
#define STATE_NODE    (4 + 2 * 8)
#define STATE_LEAF    UINT32_MAX

static kairos_status check_counts(const struct forest *f, const kairos_model *model, uint32_t trees, uint32_t nodes, uint64_t length,
                                  kairos_error *error) {
  const uint32_t wanted = model->settings.shape.input_count;
  if (f->inputs != wanted)
    return refuse(error, KAIROS_BAD_STATE, "gbm state: it has %u inputs, the model's configuration names %u", f->inputs, wanted);
  if (trees > GBM_TREES_MOST) return refuse(error, KAIROS_BAD_STATE, "gbm state: %u trees, expected at most %d", trees, GBM_TREES_MOST);
  if (nodes > GBM_NODES_MOST || nodes < trees)
    return refuse(error, KAIROS_BAD_STATE, "gbm state: %u nodes for %u trees, expected one a tree or more and at most %d", nodes, trees,
                  GBM_NODES_MOST);
  const uint64_t expected = STATE_HEAD + 8 * (uint64_t)wanted + STATE_NODE * (uint64_t)nodes;
  if (length != expected)
    return refuse(error, KAIROS_BAD_STATE, "gbm state: %u nodes over %u inputs take %zu bytes, it has %zu", nodes, wanted, (size_t)expected,
                  (size_t)length);
  return KAIROS_OK;
}

static kairos_status read_head(struct forest *f, const kairos_model *model, const kairos_reader *reader, struct bytes_in *in,
                               uint32_t *trees, uint32_t *nodes, kairos_error *error) {
  const uint32_t mark = bytes_u32(in);
  *f = forest_new(bytes_u32(in));
  *trees = bytes_u32(in);
  *nodes = bytes_u32(in);
  f->rows = bytes_u32(in);
  const uint32_t link = bytes_u32(in), single = bytes_u32(in);
  f->base = bytes_f64(in);
  f->slope = bytes_f64(in);
  if (in->failed)
    return refuse(error, KAIROS_BAD_STATE, "gbm state: expected at least %d bytes, it has %zu", STATE_HEAD, (size_t)reader->length);
  if (mark == __builtin_bswap32(STATE_MARK))
    return refuse(error, KAIROS_BAD_STATE, "gbm state: its mark stands backwards: expected little-endian numbers");
  if (mark != STATE_MARK) return refuse(error, KAIROS_BAD_STATE, "gbm state: its mark is %#x, expected %#x", mark, STATE_MARK);
  const kairos_status status = check_counts(f, model, *trees, *nodes, reader->length, error);
  if (status != KAIROS_OK) return status;
  if (link > LINK_LOGISTIC || single > 1)
    return refuse(error, KAIROS_BAD_STATE, "gbm state: link %u and single %u, expected 0 or 1 for both", link, single);
  if (!number_usable(f->base) || !number_usable(f->slope) || f->slope <= 0)
    return refuse(error, KAIROS_BAD_STATE, "gbm state: expected a usable base and a slope above 0, it has %g and %g", f->base, f->slope);
  f->link = (enum link)link;
  f->single = single == 1;
  return KAIROS_OK;
}

static kairos_status read_node(const struct forest *f, struct node *n, struct bytes_in *in, uint32_t number, kairos_error *error) {
  const uint32_t key = bytes_u32(in);
  n->cover = bytes_f64(in);
  n->number = bytes_f64(in);
  n->input = key == STATE_LEAF ? NODE_LEAF : key / 4;
  n->flags = key == STATE_LEAF ? 0 : key % 4;
  if (in->failed) return refuse(error, KAIROS_BAD_STATE, "gbm state: it ends before its announced length");
  if (n->input != NODE_LEAF && n->input >= f->inputs)
    return refuse(error, KAIROS_BAD_STATE, "gbm state: node %u splits on input %u, there are %u", number, n->input, f->inputs);
  if (!(n->input == NODE_LEAF ? number_usable(n->number) : threshold_usable(n->number)))
    return refuse(error, KAIROS_BAD_STATE, "gbm state: the %s of node %u is %g, expected a usable number",
                  n->input == NODE_LEAF ? "addend" : "threshold", number, n->number);
  if (!number_usable(n->cover) || n->cover < 0)
    return refuse(error, KAIROS_BAD_STATE, "gbm state: the cover of node %u is %g, expected 0 or more", number, n->cover);
  return KAIROS_OK;
}

static kairos_status read_trees(struct forest *f, const kairos_host *host, struct bytes_in *in, uint32_t trees, uint32_t nodes,
                                kairos_error *error) {
  uint32_t waiting = 0;
  for (uint32_t number = 0; number < nodes; number++) {
    if (waiting == 0 && (f->tree_count == trees || !forest_add_tree(f, host)))
      return f->tree_count == trees ? refuse(error, KAIROS_BAD_STATE, "gbm state: node %u stands after the last of %u trees", number, trees)
                                    : refuse(error, KAIROS_NO_MEMORY, "gbm state: no memory for %u trees", trees);
    waiting = waiting ? waiting : 1;
    struct node *n = forest_add_node(f, host);
    if (!n) return refuse(error, KAIROS_NO_MEMORY, "gbm state: no memory for %u nodes", nodes);
    const kairos_status status = read_node(f, n, in, number, error);
    if (status != KAIROS_OK) return status;
    waiting += n->input == NODE_LEAF ? UINT32_MAX : 1; /* one less, or one more */
    if (waiting == 0 && !forest_close_tree(f))
      return refuse(error, KAIROS_BAD_STATE, "gbm state: tree %u is deeper than %d", f->tree_count - 1, GBM_DEPTH_MOST);
  }
  if (waiting == 0 && f->tree_count == trees) return KAIROS_OK;
  return refuse(error, KAIROS_BAD_STATE, "gbm state: its %u nodes end in tree %u, expected %u whole trees", nodes, f->tree_count, trees);
}

kairos_status state_load(kairos_model *model, const kairos_reader *reader, uint32_t version, kairos_error *error) {
  if (version != STATE_VERSION)
    return refuse(error, KAIROS_BAD_STATE, "gbm state: version %u, this plugin reads version %d", version, STATE_VERSION);
  struct bytes_in in = bytes_from(reader);
  struct forest f;
  uint32_t trees, nodes;
  kairos_status status = read_head(&f, model, reader, &in, &trees, &nodes, error);
  if (status != KAIROS_OK) return status;
  if (!forest_begin(&f, model->host)) return refuse(error, KAIROS_NO_MEMORY, "gbm state: no memory for %u inputs", f.inputs);
  for (uint32_t i = 0; i < f.inputs && status == KAIROS_OK; i++) {
    f.importance[i] = bytes_f64(&in);
    if (!(f.importance[i] >= 0 && f.importance[i] - f.importance[i] == 0))
      status = refuse(error, KAIROS_BAD_STATE, "gbm state: the importance of input %u is %g, expected 0 or more", i, f.importance[i]);
  }
  if (status == KAIROS_OK) status = read_trees(&f, model->host, &in, trees, nodes, error);
  if (status == KAIROS_OK) return model_adopt(model, &f, error);
  forest_free(&f, model->host);
  return status;
}

kairos_status state_save(const kairos_model *model, const kairos_writer *writer, kairos_error *error) {
  if (!model->pack) return refuse(error, KAIROS_FAILED, "gbm: there are no trees to save, the model was never trained, loaded or imported");
  const struct forest *f = &model->forest;
  const uint32_t head[] = {STATE_MARK, f->inputs, f->tree_count, f->node_count, f->rows, (uint32_t)f->link, f->single ? 1 : 0};
  struct bytes_out out = bytes_to(writer);
  for (size_t i = 0; i < sizeof head / sizeof *head; i++) bytes_put_u32(&out, head[i]);
  bytes_put_f64(&out, f->base);
  bytes_put_f64(&out, f->slope);
  for (uint32_t i = 0; i < f->inputs; i++) bytes_put_f64(&out, f->importance[i]);
  for (uint32_t n = 0; n < f->node_count; n++) {
    const struct node *node = &f->nodes[n];
    bytes_put_u32(&out, node->input == NODE_LEAF ? STATE_LEAF : node->input * 4 + node->flags);
    bytes_put_f64(&out, node->cover);
    bytes_put_f64(&out, node->number);
  }
  return out.failed ? refuse(error, KAIROS_FAILED, "gbm: the state could not be written whole") : KAIROS_OK;
}
