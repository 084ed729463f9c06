// SPDX-License-Identifier: MIT
#include <eddy/dump_jobs.hpp>

#include <chrono>
#include <cstdio>
#include <source_location>
#include <string_view>
#include <vector>

#include <eddy/detail/job.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy {

namespace {

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

}  // namespace

namespace detail {

std::string describe_job(const Job& job, int indent) {
    const std::string margin(static_cast<std::size_t>(indent) * 2, ' ');
    const JobInfo info = job.info();
    std::string text = margin + job.label() + " (" + place(job.spawned) + "), ";
    if (!info.waiting_for.empty()) {
        text += "waits for " + std::string(info.waiting_for);
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
    std::vector<const PromiseBase*> chain;  // leaf first
    for (const PromiseBase* frame = job.leaf; frame != nullptr;
         frame = frame->awaiter != nullptr ? frame->awaiter->parent : nullptr) {
        chain.push_back(frame);
    }
    for (auto frame = chain.rbegin(); frame != chain.rend(); ++frame) {
        text += margin + "    " + place((*frame)->site) + "\n";
    }
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

}  // namespace eddy
