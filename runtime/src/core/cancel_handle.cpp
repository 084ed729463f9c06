// SPDX-License-Identifier: MIT
#include <eddy/cancel_handle.hpp>

#include <string>

namespace eddy::inline v0_1 {

bool CancelHandle::cancel(std::string_view reason) const {
    return loop_.post([token = token_, text = std::string(reason)] {
        if (token->scope == nullptr) {
            return;
        }
        if (token->cancel != nullptr) {
            token->cancel(*token->scope, text);
        } else {
            token->scope->cancel(CancelSource::explicit_call, text);
        }
    });
}

}  // namespace eddy::inline v0_1
