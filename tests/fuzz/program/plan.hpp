// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fuzz.hpp"

// clang-format off: it would make stairs of the lists.
// Every operation, by what it is about. Those of the first list have other operations inside.
#define FUZZ_OPERATIONS_WITH_BODY(X) \
    X(end) X(spawn) X(scope) X(move_on) X(fail_after) X(shield) X(group) X(group_spawn) \
    X(group_start) X(join_set) X(race) X(gather) X(settled) X(cleanup) X(detach) \
    X(catch_failures) X(repeat) X(lock) X(read_lock) X(write_lock) X(semaphore) X(limiter) \
    X(condition_wait) X(keyed) X(flight) X(once) X(completed) X(mapped) X(retried)
#define FUZZ_LEAVES(X) \
    X(sleep) X(sleep_until) X(yield) X(checkpoint) X(fail) X(cancel_job) X(wait_job) X(join_job) \
    X(cancel_scope) X(move_deadline) X(set_shield) X(cancel_group) X(limiter_total) \
    X(condition_notify) X(barrier) X(latch) X(rate) X(put) X(get) X(try_queue) X(shut_queue) \
    X(send) X(receive) X(reserve) X(close_channel) X(broadcast) X(subscribe) X(watch_set) \
    X(watch_next) X(oneshot_send) X(oneshot_receive) X(promise_set) X(future_get) X(event_set) \
    X(event_wait) X(gate_change) X(gate_wait) X(notify) X(notified) X(count) X(count_wait) \
    X(select_items) X(select_grants) X(select_put) X(select_job) X(again) X(write) X(read) \
    X(end_stream) X(post) X(call_later) X(cancel_call) X(offload) X(callback) X(tick) \
    X(cancel_handle) X(through_portal)
// clang-format on

namespace eddy::fuzz {

/// What a job of a program can do.
enum class Op : std::uint8_t {
#define FUZZ_OP(name) name,
    FUZZ_OPERATIONS_WITH_BODY(FUZZ_OP) first_leaf,
    one_before_leaves = first_leaf - 1,
    FUZZ_LEAVES(FUZZ_OP) how_many,
#undef FUZZ_OP
};

struct Node;
using Block = std::vector<Node>;

/// An operation, what it is done with, and what is done inside.
struct Node {
    Op op = Op::end;
    std::uint8_t a = 0;
    std::uint8_t b = 0;
    Block body = {};
    Block second = {};  // of a cleanup
};

/// Some of them, one after the other.
using Operations = std::span<const Node>;

/// A program: a tree of operations, and how to run it.
struct Plan {
    bool offloads = false;  // with threads; otherwise nothing leaves the loop's
    bool strict = false;    // strict_checkpoints
    bool torn = false;      // the loop ends in the middle, without a grace: frames are destroyed
    std::uint64_t seed = 0;
    Block main = {};
};

/// Any bytes are a program, of at most a hundred operations.
[[nodiscard]] Plan parse(Bytes bytes);

/// For who looks at one: an operation a line, with its two numbers, and what is inside under it.
void print(const Plan& plan);

}  // namespace eddy::fuzz
