from torch import nn

class Net(nn.Module):
  def __init__(self):
    # nn.Module的子类函数必须在构造函数中执行父类的构造函数。
    super(Net,self).__init__()  # 相当于nn.Module.__init__(self)

print(Net())
