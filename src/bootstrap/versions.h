/*
 * What a new cluster is made of. The charts support the Kubernetes version that
 * this k3s is: look at their version policies before raising one of the three.
 */
#pragma once

#define K3S_VERSION "v1.36.4+k3s1"
#define CLOUD_CONTROLLER_CHART_VERSION "1.35.0"
#define VOLUME_DRIVER_CHART_VERSION "2.22.1"
