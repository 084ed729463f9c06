// SPDX-License-Identifier: MIT
#include <eddy/dump_jobs.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <source_location>
#include <string_view>

#include <eddy/detail/caller_place.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/job_wait.hpp>
#include <eddy/detail/legible.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>

#include "base/function_name.hpp"

namespace eddy::inline v0_1 {

namespace {

/// Of a longer chain of awaits: so many at each end.
constexpr std::size_t shown_frames = 16;
/// Jobs below more than this many others stand no further to the right.
constexpr int deepest_indent = 16;

std::string place(const std::source_location& where) {
    std::string_view file = where.file_name();
    file.remove_prefix(file.find_last_of('/') + 1);  // npos + 1 == 0
    return std::string(file) + ":" + std::to_string(where.line());
}

std::string seconds(Duration duration) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f s", std::chrono::duration<double>(duration).count());
    return text;
}

/// The ends of a job's chain of awaits, of those in the user's code.
struct Chain {
    std::array<const detail::PromiseBase*, shown_frames> innermost;
    std::array<const detail::PromiseBase*, shown_frames> outermost;  // a ring
    std::size_t size = 0;

    explicit Chain(const detail::Job& job) noexcept {
        for (const detail::PromiseBase* frame = job.leaf; frame != nullptr;
             frame = frame->awaiter != nullptr ? frame->awaiter->parent : nullptr) {
            if (detail::in_library(frame->site)) {
                continue;
            }
            if (size < shown_frames) {
                innermost[size] = frame;
            }
            outermost[size % shown_frames] = frame;
            ++size;
        }
    }
    /// Counted from the outermost.
    [[nodiscard]] const detail::PromiseBase& operator[](std::size_t index) const noexcept {
        const std::size_t from_leaf = size - 1 - index;
        return from_leaf < shown_frames ? *innermost[from_leaf]
                                        : *outermost[from_leaf % shown_frames];
    }
};

void append_chain(std::string& text, const std::string& margin, const Chain& chain) {
    for (std::size_t i = 0; i < chain.size; ++i) {
        if (i == shown_frames && chain.size > 2 * shown_frames) {
            const std::size_t hidden = chain.size - 2 * shown_frames;
            text += margin + "    ... " + std::to_string(hidden) + " more ...\n";
            i += hidden;
        }
        const std::source_location& site = chain[i].site;
        text += margin + "    " + place(site) + " in " +
                detail::short_function_name(site.function_name()) + "\n";
    }
}

/// What it waits for, by name if that is a job.
std::string wait_of(const detail::Job& job) {
    if (const auto* const end = dynamic_cast<const detail::JobWait*>(job.wait)) {
        return "the end of " + detail::legible(end->target().label());
    }
    return job.wait->what();
}

}  // namespace

namespace detail {

std::string describe_job(const Job& job, int indent) {
    const std::string margin(static_cast<std::size_t>(std::min(indent, deepest_indent)) * 2, ' ');
    const JobInfo info = job.info();
    std::string text = margin + legible(job.label()) + " (" + place(job.spawned) + "), ";
    if (!info.waiting_for.empty()) {
        text += "waits for " + wait_of(job);
        if (const LoopCore* core = thread_state.core) {
            text += " since " + seconds(core->clock->now() - info.waiting_since);
        }
    } else {
        text += job.leaf != nullptr ? "ready" : "running";
    }
    if (info.state == JobState::cancelling || job.scope->effective) {
        text += ", cancelled";
    }
    text += "\n";
    append_chain(text, margin, Chain(job));
    return text;
}

}  // namespace detail

std::string dump_jobs() {
    detail::LoopCore& core = detail::require_loop("dump_jobs");
    std::string text;
    int depth = 0;  // jobs above the node
    const detail::ScopeNode* node = &core.root.scope;
    while (node != nullptr) {
        if (node->job_root) {
            text += detail::describe_job(static_cast<const detail::Job&>(*node), depth);
        }
        if (node->first_child != nullptr) {
            depth += node->job_root ? 1 : 0;
            node = node->first_child;
            continue;
        }
        while (node != nullptr && node->next == nullptr) {
            node = node->parent;
            depth -= node != nullptr && node->job_root ? 1 : 0;
        }
        node = node != nullptr ? node->next : nullptr;
    }
    return text;
}

}  // namespace eddy::inline v0_1
