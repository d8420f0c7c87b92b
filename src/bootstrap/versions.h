/*
 * What a new cluster is made of. The charts support the Kubernetes version that
 * this k3s is: look at their version policies before raising one of the three.
 *
 * Nodes run what has these hashes and nothing else. A version is raised
 * together with its hashes: that of "k3s" in the release's sha256sum-amd64.txt,
 * and that of install.sh at the release's tag; a chart's is its digest in
 * https://charts.hetzner.cloud/index.yaml. The images that a chart names are
 * known by their tags only.
 */
#pragma once

#define K3S_VERSION "v1.36.5+k3s1"
#define K3S_SHA256                                                             \
	"d73847bcd3c5fccef0115b372e2f9a91f3032dc84bbf71518a4617565294d313"
#define K3S_INSTALLER_SHA256                                                   \
	"46177d4c99440b4c0311b67233823a8e8a2fc09693f6c89af1a7161e152fbfad"
#define CLOUD_CONTROLLER_CHART_VERSION "1.35.0"
#define CLOUD_CONTROLLER_CHART_SHA256                                          \
	"22ed0126b392e1100a942dbe5fb47cd8057b43138d9974c308760ad58f2eac24"
#define VOLUME_DRIVER_CHART_VERSION "2.22.1"
#define VOLUME_DRIVER_CHART_SHA256                                             \
	"b9a9d4667886f9454007acd63cf405d3db3d674eeb93f05d59451439884775a4"
