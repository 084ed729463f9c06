// SPDX-License-Identifier: MIT
// Valid code that g++ 12 rejects. compile_errors.cmake compiles this file once
// without any of these macros, which must work, and once with each of them.

#include <initializer_list>
#include <string>

#include "harness.hpp"

namespace canary {

Task<int> take_ints(std::vector<int> values);
Task<int> take_strings(std::vector<std::string> values);
Task<int> take_list(std::initializer_list<int> values);
template <std::size_t size>
Task<int> take_array(const int (&values)[size]);

struct PinnedHolder {
    Give<int>& get();
};

#ifdef CANARY_B3_vector_of_ints
Task<int> subject() { co_return co_await take_ints({1, 2, 3}); }
#endif

#ifdef CANARY_B3_vector_of_strings
Task<int> subject() { co_return co_await take_strings({"a", "b"}); }
#endif

#ifdef CANARY_B3_initializer_list
Task<int> subject() { co_return co_await take_list({1, 2, 3}); }
#endif

#ifdef CANARY_B3_array_reference
Task<int> subject() { co_return co_await take_array({1, 2, 3}); }
#endif

#ifdef CANARY_B3_vector_variable_from_await
Task<int> subject() {
    const std::vector<int> values{co_await pause(), co_await pause()};
    co_return static_cast<int>(values.size());
}
#endif

#ifdef CANARY_B4_lvalue_of_pinned_awaiter
Task<int> subject(PinnedHolder& holder) { co_return co_await holder.get(); }
#endif

}  // namespace canary
