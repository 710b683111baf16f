/* What the loop calls: posts into the queues, and news out. Nothing here waits for a disk. */
#include "run/writer_int.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Nodes ----------------------------------------------------------------------------------- */

static struct node *take_node(struct cyc_writer *writer)
{
    struct node *node = writer->spare;
    if (node != NULL) {
        writer->spare = node->next;
        return node;
    }
    return writer->fresh < CYC_WRITER_NODES_MAX ? &writer->nodes[writer->fresh++] : NULL;
}

void cyc_writer_give_node(struct cyc_writer *writer, struct node *node)
{
    node->next = writer->spare;
    writer->spare = node;
}

static void append(struct slot *slot, struct node *node)
{
    node->next = NULL;
    if (slot->head == NULL) {
        slot->head = node;
    } else {
        slot->tail->next = node;
    }
    slot->tail = node;
}

/* ---- Posting --------------------------------------------------------------------------------- */

/* Locks; NULL: this run takes no more, or there is no node. */
static struct node *post(struct cyc_writer *writer, unsigned index, enum kind kind)
{
    (void)pthread_mutex_lock(&writer->lock);
    struct slot *slot = index < writer->slot_count ? writer->slots[index] : NULL;
    if (slot == NULL || !slot->used || slot->ended || slot->status != CYC_OK) {
        return NULL;
    }
    struct node *node = take_node(writer);
    if (node != NULL) {
        node->kind = kind;
    }
    return node;
}

/* Unlocks. */
static uint64_t posted(struct cyc_writer *writer, unsigned index, struct node *node, bool urgent)
{
    uint64_t ticket = 0;
    if (node != NULL) {
        struct slot *slot = writer->slots[index];
        ticket = ++slot->ticket;
        node->ticket = ticket;
        append(slot, node);
        if (urgent) {
            slot->wanted = ticket;
            (void)pthread_cond_signal(&writer->wake);
        }
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return ticket;
}

int cyc_writer_why(struct cyc_writer *writer, unsigned index, struct cyc_err *err)
{
    (void)pthread_mutex_lock(&writer->lock);
    const struct slot *slot = index < writer->slot_count ? writer->slots[index] : NULL;
    const int status =
        slot != NULL && slot->status != CYC_OK
            ? cyc_err_set(err, slot->status, "%s", slot->news.text)
            : cyc_err_set(err, CYC_E_BOUND, "the disk is too slow: %d rows and events wait for it",
                          CYC_WRITER_NODES_MAX);
    (void)pthread_mutex_unlock(&writer->lock);
    return status;
}

uint64_t cyc_writer_row(struct cyc_writer *writer, unsigned slot, const struct cyc_record *record,
                        const char *step_type)
{
    struct node *node = post(writer, slot, ROW);
    if (node != NULL) {
        node->as.row.record = *record;
        (void)cyc_copy(node->as.row.type, sizeof node->as.row.type, step_type);
    }
    return posted(writer, slot, node, false);
}

/* One block: the step, then its segments. */
static struct cyc_step *copy_step(const struct cyc_step *step)
{
    const size_t size = step->segments != NULL ? step->segment_count * sizeof *step->segments : 0;
    struct cyc_step *copy = malloc(sizeof *copy + size);
    if (copy != NULL) {
        *copy = *step;
        copy->segments = (const struct cyc_segment *)(copy + 1);
        if (size > 0) {
            memcpy(copy + 1, step->segments, size);
        }
    }
    return copy;
}

uint64_t cyc_writer_step_begin(struct cyc_writer *writer, unsigned slot,
                               const struct cyc_step *step, uint32_t step_count, int64_t t_ns)
{
    struct cyc_step *copy = copy_step(step);
    if (copy == NULL) {
        return 0;
    }
    struct node *node = post(writer, slot, STEP_BEGIN);
    if (node != NULL) {
        node->as.begin = (struct begin){copy, step_count, t_ns};
    } else {
        free(copy);
    }
    return posted(writer, slot, node, true);
}

uint64_t cyc_writer_step_end(struct cyc_writer *writer, unsigned slot, const struct cyc_step *step,
                             const struct cyc_result *result)
{
    (void)step; /* the thread knows it from its begin */
    struct node *node = post(writer, slot, STEP_END);
    if (node != NULL) {
        node->as.result = *result;
    }
    return posted(writer, slot, node, true);
}

uint64_t cyc_writer_cycle(struct cyc_writer *writer, unsigned slot, const struct cyc_cycle *cycle)
{
    struct node *node = post(writer, slot, CYCLE);
    if (node != NULL) {
        node->as.cycle = *cycle;
    }
    return posted(writer, slot, node, false);
}

static void fill_note(struct note *note, int64_t t_ns, const char *who, const char *what,
                      const char *why)
{
    note->t_ns = t_ns;
    (void)cyc_copy(note->who, sizeof note->who, who);
    (void)cyc_copy(note->what, sizeof note->what, what);
    (void)cyc_copy(note->why, sizeof note->why, why != NULL ? why : "");
}

uint64_t cyc_writer_event(struct cyc_writer *writer, unsigned slot, int64_t t_ns, const char *who,
                          const char *what, const char *why)
{
    struct node *node = post(writer, slot, EVENT);
    if (node != NULL) {
        fill_note(&node->as.note, t_ns, who, what, why);
        writer->slots[slot]->hasty = true;
    }
    return posted(writer, slot, node, false);
}

uint64_t cyc_writer_anchor(struct cyc_writer *writer, unsigned slot, int64_t unix_ns)
{
    struct node *node = post(writer, slot, ANCHOR);
    if (node != NULL) {
        node->as.unix_ns = unix_ns;
    }
    return posted(writer, slot, node, false);
}

uint64_t cyc_writer_gap(struct cyc_writer *writer, unsigned slot, const struct cyc_gap *gap)
{
    struct node *node = post(writer, slot, GAP);
    if (node != NULL) {
        node->as.gap.gap = *gap;
        (void)cyc_copy(node->as.gap.cause, sizeof node->as.gap.cause, gap->cause);
        (void)cyc_copy(node->as.gap.verdict, sizeof node->as.gap.verdict, gap->verdict);
    }
    return posted(writer, slot, node, true);
}

uint64_t cyc_writer_ending(struct cyc_writer *writer, unsigned slot, uint32_t step_count,
                           struct cyc_ending *ending)
{
    struct node *node = post(writer, slot, ENDING);
    if (node != NULL) {
        node->as.ending = (struct ended){ending, step_count};
    } else {
        cyc_ending_free(ending);
    }
    return posted(writer, slot, node, false);
}

void cyc_writer_trace(struct cyc_writer *writer, unsigned index, const char *text, size_t size)
{
    (void)pthread_mutex_lock(&writer->lock);
    struct slot *slot = index < writer->slot_count ? writer->slots[index] : NULL;
    if (slot != NULL && slot->used && !slot->ended && slot->status == CYC_OK) {
        if (slot->trace.length + size <= CYC_WRITER_TRACE_MAX) {
            cyc_text_append_size(&slot->trace, text, size);
        } else {
            slot->trace.failed = true;
        }
    }
    (void)pthread_mutex_unlock(&writer->lock);
}

uint64_t cyc_writer_expectation(struct cyc_writer *writer, unsigned slot,
                                const struct cyc_expectation *row)
{
    struct node *node = post(writer, slot, EXPECTATION);
    if (node != NULL) {
        struct expected *to = &node->as.expected;
        to->value = row->value;
        to->is = row->is;
        to->tolerance = row->tolerance;
        (void)cyc_copy(to->name, sizeof to->name, row->name);
        (void)cyc_copy(to->unit, sizeof to->unit, row->unit != NULL ? row->unit : "");
        (void)cyc_copy(to->source, sizeof to->source, row->source != NULL ? row->source : "");
    }
    return posted(writer, slot, node, false);
}

uint64_t cyc_writer_finish(struct cyc_writer *writer, unsigned slot, const char *end,
                           const char *why, int64_t t_ns)
{
    struct node *node = post(writer, slot, FINISH);
    if (node != NULL) {
        fill_note(&node->as.note, t_ns, "", end, why);
        writer->slots[slot]->ended = true;
    }
    return posted(writer, slot, node, true);
}

void cyc_writer_leave(struct cyc_writer *writer, unsigned index, const char *fault)
{
    (void)pthread_mutex_lock(&writer->lock);
    struct slot *slot = index < writer->slot_count ? writer->slots[index] : NULL;
    if (slot != NULL && slot->used && !slot->ended) {
        slot->ended = slot->left = true;
        (void)cyc_copy(slot->left_why, sizeof slot->left_why, fault);
        (void)pthread_cond_signal(&writer->wake);
    }
    (void)pthread_mutex_unlock(&writer->lock);
}

uint64_t cyc_writer_state(struct cyc_writer *writer, unsigned index, const struct cyc_core *core,
                          const struct cyc_writer_place *place)
{
    uint64_t ticket = 0;
    (void)pthread_mutex_lock(&writer->lock);
    struct slot *slot = index < writer->slot_count ? writer->slots[index] : NULL;
    if (slot != NULL && slot->used && !slot->ended && slot->status == CYC_OK) {
        cyc_text_clear(&slot->core);
        slot->core.failed = false;
        cyc_pack_append(&slot->core, core, cyc_core_size());
        ticket = ++slot->ticket;
        slot->state_ticket = ticket;
        slot->wanted = slot->hasty ? ticket : slot->wanted;
        slot->hasty = false;
        slot->epoch = place->epoch;
        slot->reading_number = place->reading_number;
        slot->has_host = place->host != NULL;
        if (slot->has_host) {
            slot->host = *place->host;
        }
        if (slot->wanted > slot->news.durable) {
            (void)pthread_cond_signal(&writer->wake);
        }
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return ticket;
}

uint64_t cyc_writer_sync(struct cyc_writer *writer, unsigned index)
{
    uint64_t ticket = 0;
    (void)pthread_mutex_lock(&writer->lock);
    struct slot *slot = index < writer->slot_count ? writer->slots[index] : NULL;
    if (slot != NULL && slot->used && slot->status == CYC_OK) {
        ticket = slot->wanted = slot->ticket;
        (void)pthread_cond_signal(&writer->wake);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return ticket;
}

/* ---- News ------------------------------------------------------------------------------------ */

int cyc_writer_fd(const struct cyc_writer *writer)
{
    return writer->event_fd;
}

void cyc_writer_tell(struct cyc_writer *writer, struct slot *slot)
{
    slot->told = true;
    const uint64_t one = 1;
    (void)!write(writer->event_fd, &one, sizeof one);
}

bool cyc_writer_poll(struct cyc_writer *writer, struct cyc_writer_news *news)
{
    bool found = false;
    uint64_t count;
    (void)pthread_mutex_lock(&writer->lock);
    (void)!read(writer->event_fd, &count, sizeof count);
    for (unsigned i = 0; i < writer->slot_count && !found; i++) {
        struct slot *slot = writer->slots[(writer->next_news + i) % writer->slot_count];
        if (slot->told) {
            *news = slot->news;
            slot->told = false;
            slot->used = !slot->over;
            writer->next_news = slot->news.slot + 1;
            found = true;
        }
    }
    if (found) { /* perhaps there is more */
        const uint64_t one = 1;
        (void)!write(writer->event_fd, &one, sizeof one);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return found;
}
