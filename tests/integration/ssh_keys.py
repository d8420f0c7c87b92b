"""Two public keys that nobody has, and what ssh-keygen says of them."""

PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINsM0G8XhIqQLL4zLcG3kvJT"
    "1i8HVNdMrPo0Mp3YJBCy someone@somewhere")
FINGERPRINT = "9a:58:6d:d3:85:e1:4e:b6:40:ac:3d:e3:dd:4f:9e:73"

RSA_PUBLIC_KEY = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDZaiPx7ojvRlvzbrIko/ok"
    "DOfZz1wGosugqZHAx8O+h+zrDXBYZSf1Gxu6/C0+QTDta4CEKRQvEpDyaswy"
    "dChy4SI1onmk/FSdaqNPR5UJBGAOJL2E8A8eqaCu9+u9xsN0SA4+mhXOQjv1"
    "3lw2HWwxUhhKeEwa4TX02rrTfbSC0qHiC/RmUdaOPywK0exH+Hen+/gxSPCD"
    "sVlDXGs/Zp6MlVjzYEk3EV+108alo/JRJE0wVA/Tmu2WkrMf4P8plc3iePVe"
    "O2J8jZn2NiZJDZnkQRuvInuappm5oOLe0DJ8rPs6ynwpzEWipmPLpBgJfRxA"
    "sI2Rky37B+WbLHa7YorD other")
RSA_FINGERPRINT = "ab:ce:9c:34:ce:46:fd:82:9c:3a:f0:88:dc:08:fd:79"
