// User-written functions (autograd.Function) and what they share with the other graph nodes.
#pragma once

#include "autograd/node.h"
#include "bind/python.h"

namespace rl {

PyObject* to_tuple(const TensorList& list);
// A tensor, None or a sequence of them into `grads`; `what` begins the error.
void from_sequence(PyObject* o, TensorList& grads, const char* what);
PyObject* next_functions(const Node& node);

bool is_function(PyObject* o);
Node& function_node(PyObject* function);  // raises where nothing was recorded
PyObject* context_of(Node* node);         // borrowed; null for nodes that are not user-written
void init_function(PyObject* module);

}  // namespace rl
