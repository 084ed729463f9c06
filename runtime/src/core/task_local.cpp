// SPDX-License-Identifier: MIT
#include <eddy/task_local.hpp>

#include <utility>

#include <eddy/detail/spawn_job.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1::detail {

LocalNode::~LocalNode() {
    // One after the other: a long list does not cost stack.
    std::shared_ptr<const LocalNode> rest = std::move(next);
    while (rest != nullptr && rest.use_count() == 1) {
        std::shared_ptr<const LocalNode> older = std::move(rest->next);
        rest = std::move(older);
    }
}

const LocalNode* find_local(const void* key) noexcept {
    const Job* job = thread_state.job;
    if (job == nullptr || !job->extras) {
        return nullptr;
    }
    const LocalNode* node = job->extras->locals.get();
    while (node != nullptr && node->key != key) {
        node = node->next.get();
    }
    return node;
}

std::shared_ptr<const LocalNode> current_locals() {
    return require_job("TaskLocal::bind").ensure_extras().locals;
}

LocalBinding::LocalBinding(std::shared_ptr<const LocalNode> node)
    : job_(require_job("TaskLocal::bind")), node_(node.get()) {
    job_.ensure_extras().locals = std::move(node);
}

LocalBinding::~LocalBinding() {
    EDDY_REQUIRE(thread_state.job == &job_,
                 "a TaskLocal binding ends in the job that made it: keep it in a local variable");
    std::shared_ptr<const LocalNode>& locals = job_.extras->locals;
    EDDY_REQUIRE(locals.get() == node_,
                 "TaskLocal bindings end in reverse order: keep them in local variables");
    std::shared_ptr<const LocalNode> older = node_->next;
    locals = std::move(older);
}

}  // namespace eddy::inline v0_1::detail
