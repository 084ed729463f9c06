// SPDX-License-Identifier: MIT
#include <eddy/detail/read_look.hpp>

namespace eddy::inline v0_1::detail {

void LineLook::at_end(const ReadBuffer& buffer) {
    const std::size_t rest = buffer.size();
    if (rest > limit_) {  // a CR at the end counts now
        throw_limit("a line", limit_);
    }
    if (rest != 0) {
        found_ = Found{rest, rest};
    }
}

void DelimiterLook::at_end(const ReadBuffer& buffer) const {
    if (buffer.size() != 0) {
        throw_ended("read_until", buffer.size());
    }
}

void CountLook::begin() {
    count_ = wanted_.checked("read_exactly: the count");
    const std::size_t limit = most_.checked("read_exactly: the limit");
    if (count_ > limit) {
        throw_limit("read_exactly", limit);
    }
}

void CountLook::at_end(const ReadBuffer& buffer) const {
    throw_ended("read_exactly", buffer.size(), count_);
}

void PeekLook::begin() {
    count_ = wanted_.checked("peek: the count");
    const std::size_t limit = most_.checked("peek: the limit");
    if (count_ > limit) {
        throw_limit("what peek is to show", limit);
    }
}

}  // namespace eddy::inline v0_1::detail
