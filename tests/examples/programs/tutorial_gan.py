import torch, torch.nn as nn, torch.optim as optim
torch.manual_seed(999)
nz, ngf, ndf, nc = 16, 8, 8, 1
def weights_init(m):
    classname = m.__class__.__name__
    if classname.find('Conv') != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find('BatchNorm') != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)
netG = nn.Sequential(
    nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False), nn.BatchNorm2d(ngf * 2), nn.ReLU(True),
    nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf), nn.ReLU(True),
    nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False), nn.Tanh())
netD = nn.Sequential(
    nn.Conv2d(nc, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(ndf * 2), nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False), nn.Sigmoid())
netG.apply(weights_init); netD.apply(weights_init)
print(netG)
criterion = nn.BCELoss()
fixed = torch.randn(4, nz, 1, 1)
optD = optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999)); optG = optim.Adam(netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
real = torch.randn(64, 1, 16, 16).clamp(-1, 1)
for it in range(10):
    netD.zero_grad()
    x = real[torch.randint(0, 64, (16,))]
    label = torch.full((16,), 1.0, dtype=torch.float)
    output = netD(x).view(-1); errD_real = criterion(output, label); errD_real.backward(); D_x = output.mean().item()
    noise = torch.randn(16, nz, 1, 1); fake = netG(noise); label.fill_(0.)
    output = netD(fake.detach()).view(-1); errD_fake = criterion(output, label); errD_fake.backward()
    optD.step()
    netG.zero_grad(); label.fill_(1.); output = netD(fake).view(-1); errG = criterion(output, label); errG.backward(); optG.step()
    print('[%d] Loss_D: %.4f Loss_G: %.4f D(x): %.4f' % (it, (errD_real + errD_fake).item(), errG.item(), D_x))
with torch.no_grad():
    img = netG(fixed).detach().cpu()
print(img.shape, img.mean(), img.std())
