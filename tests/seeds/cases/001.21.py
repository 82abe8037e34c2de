import os, pickle
os.makedirs("cifar10/cifar-10-batches-py")
os.makedirs("work")
with open("cifar10/cifar-10-batches-py/test_batch", "wb") as f:
    pickle.dump({b"labels": [1, 2]}, f)
os.chdir("work")

import pickle
filename = '../cifar10/cifar-10-batches-py/test_batch'
with open(filename,'rb') as f:
    dataset = pickle.load(f, encoding='bytes')
    print(type(dataset))

# out: <class 'dict'>
